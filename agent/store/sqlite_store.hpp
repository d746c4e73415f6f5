// The store of a real host, in SQLite: WAL and synchronous=FULL, so that what was committed
// survives a power cut, and what was torn is rolled back.
//
// The folder also holds the lock of rule 8: as long as one agent lives, no other can open it. The
// file is opened close-on-exec, so no child inherits it.
//
// Its mode is 0711, since the disks of VMs and by default the images lie below it, and Debian's
// QEMU runs as libvirt-qemu, which must pass through. Every file of the store is 0600: they hold
// secrets.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "agent/store/store.hpp"

namespace boost::asio {
class io_context;
}

namespace cierzo {

class SqliteStore : public Store {
 public:
  using Failed = std::function<void(const std::string& reason)>;

  // Makes the folder and the database where there are none, takes the lock, reads everything.
  // `boot` is noted as the last one. Throws StoreError. `failed` is called at most once, on the
  // loop: a commit was impossible (disk full, read-only), and the agent must stop: promises that
  // cannot be kept must not be made.
  SqliteStore(boost::asio::io_context& io, const std::string& folder, const std::string& boot,
              Failed failed);
  ~SqliteStore() override;  // Writes what was handed over, then gives the lock back.

  [[nodiscard]] const StoredState& loaded() const override;

  // By one writer thread; batches that queued up meanwhile share a sync.
  void commit(Batch batch, std::function<void()> done) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cierzo
