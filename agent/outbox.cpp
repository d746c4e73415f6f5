#include "agent/outbox.hpp"

#include <utility>

namespace cierzo {

Outbox::Outbox(Store& store, std::function<void()> before_sending, Send send, Act act)
    : store_(store),
      before_sending_(std::move(before_sending)),
      send_(std::move(send)),
      act_(std::move(act)) {}

void Outbox::add(election::Output output) {
  if (output.persist.empty() && output.messages.empty() && output.facts.empty()) return drain();
  auto entry = std::make_shared<Entry>();
  entry->durable = output.persist.empty();
  Batch batch;
  batch.persist = std::exchange(output.persist, {});
  entry->output = std::move(output);
  entries_.push_back(entry);
  if (!entry->durable) {
    store_.commit(std::move(batch), [this, entry] {
      entry->durable = true;
      drain();
    });
  }
  drain();
}

void Outbox::drain() {
  if (draining_) return;
  draining_ = true;
  while (!entries_.empty() && entries_.front()->durable) {
    const auto entry = std::move(entries_.front());
    entries_.pop_front();
    before_sending_();
    for (const election::Send& message : entry->output.messages) send_(message);
    for (const election::Fact& fact : entry->output.facts) act_(fact);
  }
  if (entries_.empty()) before_sending_();
  draining_ = false;
}

}  // namespace cierzo
