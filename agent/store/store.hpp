// What a host must still know after a crash, in SQLite: WAL and synchronous=FULL, so that what was
// committed survives a power cut, and what was torn is rolled back.
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
#include <stdexcept>
#include <string>
#include <vector>

#include "agent/messages.hpp"
#include "election/durable.hpp"
#include "resources/ids.hpp"

namespace boost::asio {
class io_context;
}

namespace cierzo {

// The state cannot be used. One sentence, and what to do; main() prints it and exits. An agent
// never goes on without its state by itself: what it promised is in it. (rule 22: amnesia must be
// explicit)
struct StoreError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct StoredState {
  bool created = false;   // There was none: this host has no state. (rule 22)
  std::string last_boot;  // Boot id of the run before this one; empty: none.
  election::Durable durable;
  Stamp command_mark;               // Commands up to here were accepted or will never be. (rule 17)
  std::vector<Command> unfinished;  // By id.
};

// One transaction: all of it is on disk, or nothing.
struct Batch {
  election::Persist persist;
  std::vector<Command> received;  // Raises the mark and adds the unfinished entry. (rule 17)
  std::vector<Stamp> finished;    // Takes the entry away.
  [[nodiscard]] bool empty() const {
    return persist.empty() && received.empty() && finished.empty();
  }
};

class Store {
 public:
  using Failed = std::function<void(const std::string& reason)>;

  // Makes the folder and the database where there are none, takes the lock, reads everything.
  // `boot` is noted as the last one. Throws StoreError. `failed` is called at most once, on the
  // loop: a commit was impossible (disk full, read-only), nothing after it is written, no `done` is
  // called any more, and the agent must stop: promises that cannot be kept must not be made.
  Store(boost::asio::io_context& io, const std::string& folder, const std::string& boot,
        Failed failed);
  ~Store();  // Writes what was handed over, then gives the lock back.
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // As it was when opened.
  [[nodiscard]] const StoredState& loaded() const;

  // Batches are written in order, by one writer thread; those that queued up meanwhile share a
  // sync. `done` is called on the loop, in order, when the batch is on disk.
  void commit(Batch batch, std::function<void()> done);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cierzo
