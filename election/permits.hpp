// Permits: a host's right to let its VMs run unpaused. The host's side and the leader's ledger.
//
// Pure bookkeeping of rules 12, 14 and 15; Node drives both.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "election/catalog.hpp"
#include "election/members.hpp"
#include "election/mutations.hpp"
#include "resources/ids.hpp"

namespace cierzo::election {

// The host's side. (rule 12)
class PermitHolder {
 public:
  // As left by an earlier run: it may have held permits of the term last heard.
  PermitHolder(std::string boot, Time deadline, Term heard, std::uint64_t interruptions)
      : boot_(std::move(boot)),
        heard_(heard),
        deadline_(deadline),
        interruptions_(interruptions),
        held_(true) {}

  // A heartbeat of `term` at least as high as any heard was received.
  void hear(Term term, const std::optional<BootTime>& echo, Duration permit, Time now,
            const Mutations& mutations);
  // The leader's own host follows its authority. (rule 15)
  void follow(Term term, Time deadline, Time now);
  // The term was released: it commands here no more; the deadline already given stands. (rule 8)
  void end(Term term);
  // Never raises. (rules 8, 15)
  void lower(Time deadline);
  Time deadline() const { return deadline_; }  // What the guard gets: of whatever term.
  bool valid(Time now) const { return now < until_in_term_ && now < deadline_; }
  Term heard() const { return heard_; }
  // How often the permits of the term heard were interrupted; durable. (rule 17)
  std::uint64_t interruptions() const { return interruptions_; }
  // Names the unbroken stretch of permits that holds now; 0: none does. (rule 17)
  std::uint64_t spell(Time now) const { return valid(now) ? interruptions_ + 1 : 0; }

 private:
  void hear_term(Term term);

  std::string boot_;
  Term heard_;            // The highest term a heartbeat was heard from.
  Time until_in_term_{};  // How far the permits given in that term reach.
  Time deadline_{};       // How far any permit reaches.
  std::uint64_t interruptions_ = 0;
  bool held_ = false;  // A permit of that term, at some time.
};

enum class Liveness {
  alive,    // Acknowledged within the last lease.
  suspect,  // Silent, but its permit may still be valid: unknown is not down. (rule 18)
  lost,     // Its permit has certainly ended and the guard has paused: start elsewhere. (rule 14)
  held,     // Stopped cleanly with its VMs running: never lost by time. (rule 14)
};

// What the leader knows of one host in its term.
struct HostStatus {
  HostId id;
  Liveness liveness = Liveness::suspect;
  Time bound{};        // The latest instant at which one of its permits can be valid.
  bool heard = false;  // In this term; the rest is empty otherwise.
  Time last_heard{};
  BootTime stamp;  // A new boot id proves that the old one's VMs are gone. (rule 14)
  std::string state_id;
  std::string run;
  Term
      permit_term;  // Commands need it to be the leader's, and the spell in their header. (rule 17)
  std::uint64_t permit_spell = 0;
  bool has_state = false;
  std::string inventory_digest;
  std::uint64_t seq = 0;     // The newest heartbeat that it has acknowledged.
  Time disks_released_at{};  // When its shared disks are certainly let go of, if it stays silent.
  // Silent, and when it was heard last nobody guarded its VMs: time proves nothing of it, and this
  // is from when a fence program shall. Zero: it is not so. (rules 13, 14)
  Time proof_due{};
  bool marked = false;                // A lost mark stands, disproved or not: it gets no command.
  std::optional<LostMark> lost_mark;  // The same where the host was not heard since: proof.
  bool unjoined =
      false;  // Not heard since the site was recovered: unknown, however long. (rule 22)
};

// What the committed catalog says of a host. (rule 14)
struct Marks {
  Term term;                        // The leader's.
  bool held = false;                // Stopped cleanly: not lost by time,
  std::optional<std::string> lost;  // but by proof: the text of its lost mark.
  bool unjoined = false;            // It has not been heard since the site's recovery. (rule 22)
};

// The leader's ledger. (rules 12, 14, 15)
class PermitLedger {
 public:
  // `bound` is rule 15's for a host that this leader has not heard yet.
  void begin(HostId host, Time bound);
  bool knows(HostId host) const { return hosts_.count(host) > 0; }
  // An acknowledgement of heartbeat `seq`. Of several the highest seq is the newest, also across a
  // reboot: boot ids have no order. False: an older one.
  bool hear(Time now, std::uint64_t seq, const HostStatus& status);
  // The echo for the host's next heartbeat; notes the bound that it creates. (rule 12)
  std::optional<BootTime> echo(HostId host, const Timing& timing);

  // `marks` are the committed ones; none while the catalog is not recovered: then nobody is lost.
  HostStatus status(HostId host, Time now, const Timing& timing, const std::optional<Marks>& marks,
                    const Mutations& mutations) const;
  // When `status` may next change by time alone.
  Time next_change(HostId host, Time now, const Timing& timing) const;

 private:
  struct Entry {
    HostStatus last;
    std::uint64_t seq = 0;
  };
  std::map<HostId, Entry> hosts_;
};

}  // namespace cierzo::election
