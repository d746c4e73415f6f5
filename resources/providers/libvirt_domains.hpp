// What runs on the host, as libvirt has it, and who it belongs to.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "resources/domain_xml.hpp"
#include "resources/providers/libvirt_link.hpp"
#include "resources/providers/process_watch.hpp"

namespace cierzo::libvirt {

struct DomainFound {
  Domain handle;
  ProcessName name;
  int id = -1;                             // Of this run of the domain; libvirt never repeats one.
  std::optional<DomainMetadata> metadata;  // None: it is not ours and is never touched.
};

struct DomainRow {
  ProcessName name;
  std::optional<DomainMetadata> metadata;
  RunState run = RunState::running;
  std::uint64_t memory_kib = 0;
  int vcpus = 0;
};

// Where an error of libvirt comes from: the connection, or the call.
[[nodiscard]] Outcome outcome_of(Link& link, const Connection& connection, const Error& error,
                                 const std::string& what);

// The domain of that name as it is this moment, metadata included. Throws Refused where libvirt
// does not say.
[[nodiscard]] std::optional<DomainFound> find_domain(Link& link, const Connection& connection,
                                                     const std::string& name);

// The domain's state now. None: it is gone.
[[nodiscard]] std::optional<RunState> run_state(const Domain& domain);

// Lists all running domains with one call. What cannot change while a domain runs (and the
// metadata, which only resume() changes) is asked for once, so a survey costs O(changes).
class DomainList {
 public:
  [[nodiscard]] std::vector<DomainRow> list(Link& link, const Connection& connection);
  // Metadata of that domain were changed: they are asked for again.
  void forget(const ProcessName& name);

  // The domain of that name as the last list had it: costs nothing (on another connection than the
  // list's, one call for each domain), where find_domain() costs three calls. It may be gone by
  // now. Its handle names it by its uuid, which no two incarnations share, so whatever is asked of
  // it is never asked of a successor. None: not listed, or gone.
  [[nodiscard]] std::optional<DomainFound> listed(const Connection& connection,
                                                  const std::string& name);
  // Handles keep their connection: they are dropped when it is lost, and before the link ends.
  void drop_handles();

 private:
  struct Known {
    std::shared_ptr<virDomain> handle;
    std::shared_ptr<virDomain> other;  // The same on another connection.
    int id = -1;
    std::optional<DomainMetadata> metadata;
    std::uint64_t memory_kib = 0;
    int vcpus = 0;
  };
  mutable std::mutex mutex_;
  std::map<ProcessName, Known> known_;
};

}  // namespace cierzo::libvirt
