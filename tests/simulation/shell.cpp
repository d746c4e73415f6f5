// What an agent's shell does around a Node, in the simulated world: the contract of node.hpp, the
// guard's page, and the commands for the one VM of each host.
#include "tests/simulation/describe.hpp"
#include "tests/simulation/host.hpp"

namespace cierzo::simulation {

// The shell's contract, as node.hpp states it: the page falls, then the disk, the page rises,
// messages leave, facts are acted upon; one queue.
void World::handle(Host& h, Output output) {
  write_page(h, true);
  Time synced = now_;
  if (!output.persist.empty()) synced += random.between(options_.sync_min, options_.sync_max);
  if (!h.unflushed.empty()) synced = std::max(synced, h.unflushed.back().synced);
  for (const Fact& fact : output.facts) {  // S2: the instant at which it regards a host as lost.
    const auto* lost = std::get_if<HostLost>(&fact);
    if (lost != nullptr) host(lost->host).lost_at = now_;
    if (lost != nullptr && vm_runs(lost->host))
      checker.fail(now_, "S2: host " + std::to_string(h.id.value) + " regards host " +
                             std::to_string(lost->host.value) + " as lost, whose VM runs");
  }
  check_authority(h);
  const bool empty = output.persist.empty() && output.messages.empty() && output.facts.empty();
  if (!empty) h.unflushed.push_back({std::move(output), synced});
  flush(h);
  if (h.node) after_step(h);
}

void World::flush(Host& h) {
  while (h.node && !h.unflushed.empty() && h.unflushed.front().synced <= now_) {
    const Output output = std::move(h.unflushed.front().output);
    h.unflushed.pop_front();
    apply(h.disk, output.persist);
    write_page(h, false);
    for (const Send& message : output.messages) transmit(h.id, message.to, message.message);
    for (const Fact& fact : output.facts) {
      perform(h, fact);
      if (!h.node) return;
      if (on_fact) on_fact(h.id, fact);
    }
  }
  if (h.releasing && h.unflushed.empty()) {
    h.releasing = false;
    kill_agent(h.id);
  }
}

void World::write_page(Host& h, bool lowering_only) {
  const Time deadline = h.node->deadline();
  if (lowering_only && deadline >= h.page) return;
  const Time clock = h.clock(now_);
  if (h.stood_down) {  // Arming after standing down is not a passed deadline. (rule 14)
    if (deadline <= clock) return;
    h.stood_down = false;
  } else if (clock >= h.page) {
    h.vm_paused = true;  // An extension written after the deadline forces a pause first. (rule 13)
  }
  h.page = deadline;
}

void World::after_step(Host& h) {
  const bool fine = h.vm && !h.vm_paused && h.clock(now_) < h.page;
  // With the spell, so that the leader looks again when commands can be obeyed again.
  const std::string spell = std::to_string(h.node->permit_spell(h.clock(now_)));
  if (!fine && h.node->ready(h.clock(now_)) && h.node->permit_valid(h.clock(now_)))
    return command_vm(h, h.id);
  h.node->set_inventory_digest((h.stood_down ? "held" : fine ? "running" : "paused") + spell);
}

void World::check_authority(Host& h) {
  if (!has_authority(h.id)) return;
  for (const auto& other : hosts_)
    if (other->id != h.id && has_authority(other->id))
      checker.fail(now_, "S1: hosts " + std::to_string(h.id.value) + " and " +
                             std::to_string(other->id.value) + " both have authority");
  if (ever_led_ && last_authority_ < now_) leaderless_ += now_ - last_authority_;
  ever_led_ = true;
  const Time until = true_time(h, h.node->authority_until());
  last_authority_ = std::max(last_authority_, until);
}

void World::perform(Host& h, const Fact& fact) {
  const Time clock = h.clock(now_);
  if (options_.trace) {
    const std::string line = describe(fact, h.node->members());
    if (!line.empty()) trace(h, line);
  }
  if (const auto* began = std::get_if<AuthorityBegan>(&fact)) {
    h.commands = std::make_unique<CommandLedger>(began->term);
  } else if (std::holds_alternative<LeadershipReady>(fact)) {
    if (h.node->ready(clock)) {
      checker.reads(now_, h.id, h.node->committed());
      checker.goes_by(now_, h.id, h.node->members().version());
    }
    for (const HostStatus& status : h.node->hosts(clock))
      if (status.heard) command_vm(h, status.id);
  } else if (const auto* digest = std::get_if<InventoryDigest>(&fact)) {
    command_vm(h, digest->host);
  } else if (const auto* committed = std::get_if<WriteCommitted>(&fact)) {
    const std::uint64_t value = committed->write.value;
    if (!h.node->has_authority(clock)) return;  // (rule 10)
    acknowledged_writes_.insert(value);
    if (member_writes_.count(value) > 0) checker.changed_members(committed->stamp);
    if (const auto held = holding_.find(value); held != holding_.end()) {
      Host& stopping = host(held->second);
      holding_.erase(held);
      if (!stopping.node || stopping.paused) return;
      stopping.stood_down = stopping.up;
      stopping.releasing = true;
      if (stopping.id == h.id) return;  // Its queue is being flushed right now.
      handle(stopping, stopping.node->release(stopping.clock(now_)));
    } else if (const auto key = keys_.find(value); key != keys_.end()) {
      checker.acknowledged(key->second, value);
    }
  }
}

// What a leader's shell does with a host whose VM does not run, or that was held.
void World::command_vm(Host& leader, HostId to) {
  const Time clock = leader.clock(now_);
  if (!leader.node->ready(clock) || !leader.commands) return;
  if (to == leader.id) {
    obey(leader, {leader.commands->issue(to, leader.boot, leader.disk.record.state_id,
                                         leader.node->permit_spell(clock)),
                  now_});
    return;
  }
  const HostStatus status = leader.node->host(to, clock);
  const auto mark = leader.node->committed().entries.find(held_key(to));
  if (mark != leader.node->committed().entries.end()) {
    if (leader.node->may_unhold(to, mark->second, clock))
      handle(leader, leader.node->propose(clock, WriteId{++writes_}, {{held_key(to), {}}}));
    return;
  }
  const bool may_obey = status.heard && status.permit_term == leader.node->term();
  if (!may_obey || status.inventory_digest[0] != 'p') return;
  transmit(
      leader.id, to,
      VmCommand{leader.commands->issue(to, status.stamp.boot, status.state_id, status.permit_spell),
                now_});
}

void World::obey(Host& h, const VmCommand& command) {
  const Time clock = h.clock(now_);
  const CommandContext context{h.boot,
                               h.disk.record.state_id,
                               h.node->permit_term(),
                               h.node->permit_valid(clock),
                               h.node->permit_spell(clock),
                               h.high_water};
  if (judge_at_receipt(command.header, context, options_.mutations) != CommandVerdict::accepted)
    return;
  h.high_water = std::max(h.high_water, command.header.stamp());
  checker.heard(h.id, h.heard);
  checker.heard(h.id, h.disk.record.last_led);
  checker.obeyed(now_, h.id, command.header, {h.boot, h.disk.record.state_id});
  if (command.issued < h.lost_at)  // Its VM was started elsewhere since. (rule 14)
    checker.fail(now_, "S2: host " + std::to_string(h.id.value) +
                           " starts what was moved away from it meanwhile");
  // The guard continues it only within the deadline. (rule 13)
  if (h.stood_down || clock >= h.page) return;
  // An unfinished pause is finished first; now it runs. (rule 13)
  h.vm = true;
  h.vm_paused = false;
  after_step(h);
}

}  // namespace cierzo::simulation
