// What a provider is tested on: a simulated host, libvirt's test driver, or a real QEMU. The same
// contract holds on all of them; what one of them cannot do is asked here, not guessed.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "resources/provider.hpp"

namespace cierzo {

enum class BedKind { simulated, test_driver, qemu };

class Bed {
 public:
  Bed() = default;
  Bed(const Bed&) = delete;
  Bed& operator=(const Bed&) = delete;
  virtual ~Bed() = default;

  [[nodiscard]] virtual Provider& provider() = 0;
  // Lets time pass until it is so, on a real host up to `seconds`. False: it did not become so.
  [[nodiscard]] virtual bool wait(const std::function<bool()>& is_so, int seconds) = 0;
  [[nodiscard]] virtual bool has_guests() const = 0;
  virtual void kill_process(const InstanceName& name) = 0;  // Of the hypervisor; SIGKILL.

  // Events so far, "started web-server-1".
  [[nodiscard]] std::vector<std::string> events() const;
  [[nodiscard]] bool saw(const std::string& event) const;

 protected:
  void note(const DomainEvent& event);

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> events_;
};

// Null: this machine has none, and `why` says what is missing.
[[nodiscard]] std::unique_ptr<Bed> make_bed(BedKind kind, std::string& why);

// An instance of the smallest image: position 1 is called "test-node-1".
[[nodiscard]] StartVm start_of(int position, std::uint64_t sequence);

}  // namespace cierzo
