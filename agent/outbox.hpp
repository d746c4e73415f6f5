// Keeps the order that Node demands: what must be durable is on disk before the messages leave and
// the facts are acted on, first in, first out. (election/node.hpp, "How to drive it")
#pragma once
#include <deque>
#include <functional>
#include <memory>

#include "agent/store/store.hpp"
#include "election/node.hpp"

namespace cierzo {

class Outbox {
 public:
  using Send = std::function<void(const election::Send&)>;
  using Act = std::function<void(const election::Fact&)>;

  // `before_sending`: what was to be on disk is. Called before the messages of each Output leave,
  // and after the last.
  Outbox(Store& store, std::function<void()> before_sending, Send send, Act act);

  // `act` may add further outputs: they queue behind this one.
  void add(election::Output output);

 private:
  struct Entry {
    election::Output output;
    bool durable = false;
  };
  void drain();

  Store& store_;
  std::function<void()> before_sending_;
  Send send_;
  Act act_;
  std::deque<std::shared_ptr<Entry>> entries_;
  bool draining_ = false;
};

}  // namespace cierzo
