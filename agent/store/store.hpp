// What a host must still know after a crash: what it promised, the catalog, the commands it took.
// The seam to the disk: agentd's is SQLite (sqlite_store.hpp), the simulation's can lose what was
// not synced.
#pragma once
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "agent/messages.hpp"
#include "election/durable.hpp"
#include "resources/ids.hpp"

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
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  // As it was when opened.
  [[nodiscard]] virtual const StoredState& loaded() const = 0;

  // Batches become durable in order. `done` is called on the loop, in order, later, when the batch
  // would survive a power cut. Where that is impossible nothing after it is written and no `done`
  // is called any more.
  virtual void commit(Batch batch, std::function<void()> done) = 0;
};

}  // namespace cierzo
