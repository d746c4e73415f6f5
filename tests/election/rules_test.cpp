// The pure pieces of the rules: grants and authority, permits, rounds, commands.
#include <gtest/gtest.h>

#include "election/bully.hpp"
#include "election/commands.hpp"
#include "election/grants.hpp"
#include "election/permits.hpp"

namespace cierzo::election {
namespace {

using namespace std::chrono_literals;

constexpr HostId n1{1}, n2{2}, n3{3}, n4{4}, n5{5};
const Term t1{1, n1};
const Term t2{2, n2};

Members voters(std::uint32_t count) {
  std::vector<Member> members;
  for (std::uint32_t id = 1; id <= count; ++id) members.push_back({HostId{id}, "node", true});
  return Members(members);
}

TEST(AuthorityTest, RunsFromTheSendingOfTheNewestThatAMajorityGranted) {
  const Members five = voters(5);
  Authority authority(five, n1);
  authority.sent(0, 1s, default_timing());
  authority.granted(n2, 0);
  EXPECT_EQ(authority.until(), 0s) << "two of five";
  authority.granted(n3, 0);
  EXPECT_EQ(authority.until(), 1s + 495ms);
  authority.sent(1, 1s + 100ms, default_timing());
  authority.granted(n4, 1);
  EXPECT_EQ(authority.until(), 1s + 495ms) << "n1 and n4 at 1, but n2 and n3 at 0";
  authority.granted(n2, 1);
  EXPECT_EQ(authority.until(), 1s + 595ms);
}

TEST(AuthorityTest, CountsAVoterOnceAndNobodyElse) {
  const Members three = voters(3);
  Authority authority(three, n1);
  authority.sent(0, 1s, default_timing());
  authority.granted(n1, 0);
  authority.granted(n5, 0);
  EXPECT_EQ(authority.until(), 0s);
  authority.granted(n2, 7);  // Never sent.
  EXPECT_EQ(authority.until(), 0s);
}

TEST(AuthorityTest, KnowsWhatItWouldBeWithoutAVoter) {
  const Members three = voters(3);
  Authority authority(three, n1);
  authority.sent(0, 1s, default_timing());
  authority.granted(n2, 0);
  EXPECT_EQ(authority.until_without(n3), 1s + 495ms);
  EXPECT_EQ(authority.until_without(n2), 0s);
}

class PermitHolderTest : public testing::Test {
 protected:
  PermitHolder holder{"boot", 0s, Term{}, 0};
  void hear(Term term, std::optional<BootTime> echo, Time now) {
    holder.hear(term, echo, 2s, now, {});
  }
};

TEST_F(PermitHolderTest, RunsFromItsOwnStamp) {
  hear(t1, BootTime{"boot", 10s}, 11s);
  EXPECT_EQ(holder.deadline(), 12s);
  EXPECT_TRUE(holder.valid(12s - 1ns));
  EXPECT_FALSE(holder.valid(12s));
}

TEST_F(PermitHolderTest, IgnoresOtherBootsAndTheFuture) {
  hear(t1, BootTime{"other", 10s}, 11s);
  hear(t1, BootTime{"boot", 11s + 1ns}, 11s);
  hear(t1, std::nullopt, 11s);
  EXPECT_EQ(holder.deadline(), 0s);
}

TEST_F(PermitHolderTest, AnExtensionNeverShortens) {
  hear(t1, BootTime{"boot", 10s}, 11s);
  hear(t1, BootTime{"boot", 9s}, 11s);
  EXPECT_EQ(holder.deadline(), 12s);
}

TEST_F(PermitHolderTest, ANewTermCommandsOnlyWithItsOwnPermit) {
  hear(t1, BootTime{"boot", 10s}, 11s);
  hear(t2, std::nullopt, 11s);
  EXPECT_EQ(holder.deadline(), 12s) << "the VMs run on";
  EXPECT_FALSE(holder.valid(11s));
  hear(t2, BootTime{"boot", 10s + 500ms}, 11s);
  EXPECT_TRUE(holder.valid(11s));
}

TEST_F(PermitHolderTest, EachUnbrokenStretchHasANumber) {
  EXPECT_EQ(holder.spell(9s), 0U);
  hear(t1, BootTime{"boot", 10s}, 10s);
  EXPECT_EQ(holder.spell(11s), 1U);
  EXPECT_EQ(holder.spell(13s), 0U) << "it has ended";
  hear(t1, BootTime{"boot", 13s}, 13s);
  EXPECT_EQ(holder.spell(13s), 2U);
  PermitHolder restarted{"boot", 0s, t1, holder.interruptions()};
  restarted.hear(t1, BootTime{"boot", 14s}, 2s, 14s, {});
  EXPECT_EQ(restarted.spell(14s), 3U) << "a restart is an interruption";
}

TEST_F(PermitHolderTest, LoweringNeverRaises) {
  hear(t1, BootTime{"boot", 10s}, 11s);
  holder.lower(20s);
  EXPECT_EQ(holder.deadline(), 12s);
  holder.lower(11s + 500ms);
  EXPECT_EQ(holder.deadline(), 11s + 500ms);
}

class PermitLedgerTest : public testing::Test {
 protected:
  PermitLedgerTest() { ledger.begin(n4, 102s); }
  HostStatus status(Time now, const Marks& marks) {
    return ledger.status(n4, now, timing, marks, {});
  }
  Liveness at(Time now, bool held = false) {
    return status(now, {term, held, std::nullopt}).liveness;
  }
  Marks confirmed(std::uint64_t seq, bool held = false) {
    return {term, held, encode(LostMark{false, term, seq, "b", "s"})};
  }
  Marks fenced(std::uint64_t seq) {
    return {term, false, encode(LostMark{true, term, seq, "b", "s"})};
  }

  Time at_bound() { return status(110s, {term, false, std::nullopt}).bound; }
  bool hear(Time now, std::uint64_t seq, const std::string& boot) {
    HostStatus status;
    status.id = n4;
    status.stamp = {boot, 5s};
    return ledger.hear(now, seq, status);
  }
  Timing timing = default_timing();
  Term term{4, n1};
  PermitLedger ledger;
};

TEST_F(PermitLedgerTest, ASilentHostHasTheBoundOfRule15) {
  EXPECT_EQ(at(102s), Liveness::suspect);
  EXPECT_EQ(at(102s + 51ms), Liveness::lost);
}

TEST_F(PermitLedgerTest, NobodyIsLostWhileTheMarksAreUnknown) {
  EXPECT_EQ(ledger.status(n4, 200s, timing, std::nullopt, {}).liveness, Liveness::suspect);
  EXPECT_EQ(at(200s, true), Liveness::held);
}

// Rule 14: an administrator's word proves what time cannot, but does not shorten the wait: who
// takes a host that is cut off for a dead one must not thereby run twice what its guard pauses.
TEST_F(PermitLedgerTest, AConfirmedLossIsProofButNoShortcut) {
  EXPECT_TRUE(hear(110s, 7, "b"));
  (void)ledger.echo(n4, timing);
  EXPECT_EQ(status(111s, confirmed(7)).liveness, Liveness::suspect);
  EXPECT_EQ(status(112s + 69ms, confirmed(7)).liveness, Liveness::suspect);
  const HostStatus lost = status(112s + 71ms, confirmed(7));
  EXPECT_EQ(lost.liveness, Liveness::lost);
  ASSERT_TRUE(lost.lost_mark);
  EXPECT_EQ(lost.lost_mark->boot, "b");
}

TEST_F(PermitLedgerTest, AConfirmedLossEndsHeld) {
  EXPECT_EQ(at(200s, true), Liveness::held);
  EXPECT_EQ(status(200s, confirmed(0, true)).liveness, Liveness::lost);
}

// A power cut is a fact: no permit is waited for. Not so by a leader that has heard nobody yet.
TEST_F(PermitLedgerTest, AFencedHostIsLostAtOnce) {
  EXPECT_EQ(status(101s, fenced(0)).liveness, Liveness::suspect);
  EXPECT_EQ(status(102s + 51ms, fenced(0)).liveness, Liveness::lost);
  EXPECT_TRUE(hear(110s, 7, "b"));
  (void)ledger.echo(n4, timing);
  EXPECT_EQ(status(110s + 499ms, fenced(7)).liveness, Liveness::alive);
  EXPECT_EQ(status(110s + 500ms, fenced(7)).liveness, Liveness::lost);
}

// Heard after it was said to be off: whoever said so was wrong, or it is on again. It gets no
// command before that is written down.
TEST_F(PermitLedgerTest, AMarkIsVoidOnceItsHostIsHeardAgain) {
  EXPECT_TRUE(hear(110s, 7, "b"));
  EXPECT_TRUE(status(120s, confirmed(7)).lost_mark.has_value());
  EXPECT_TRUE(hear(121s, 8, "c"));
  for (const Time later : {121s, 125s, 500s}) {
    EXPECT_FALSE(status(later, confirmed(7)).lost_mark) << later.count();
    EXPECT_FALSE(status(later, fenced(7)).lost_mark) << later.count();
    EXPECT_TRUE(status(later, confirmed(7)).marked) << later.count();
  }
  // One of an earlier leader's term, about what this one has heard itself.
  const Marks earlier{term, false, encode(LostMark{false, {3, n2}, 900, "b", "s"})};
  EXPECT_FALSE(status(500s, earlier).lost_mark);
}

TEST_F(PermitLedgerTest, AMarkThatCannotBeReadProvesNothing) {
  for (const char* text : {"", "confirmed", "confirmed term=1 seq=1", "confirmed term=1.1 seq=x",
                           "perhaps term=1.1 seq=1 boot=b state=s"}) {
    const HostStatus found = status(500s, {term, true, text});
    EXPECT_FALSE(found.lost_mark) << text;
    EXPECT_EQ(found.liveness, Liveness::held) << text;
  }
  const LostMark mark{true, {7, n2}, 12, "boot-id", "state-id"};
  EXPECT_EQ(decode_lost_mark(encode(mark)), mark);
  const LostMark unknown{false, {7, n2}, 0, "", ""};
  EXPECT_EQ(decode_lost_mark(encode(unknown)), unknown);
  const LostMark braked{false, {7, n2}, 12, "boot-id", "state-id", true};
  EXPECT_EQ(decode_lost_mark(encode(braked)), braked);
  const LostMark added{false, {}, 0, "", "", false, true};
  EXPECT_EQ(decode_lost_mark(encode(added)), added);
}

// Rule 22: after a recovery others may lead it, in the site that it has not left.
TEST_F(PermitLedgerTest, AHostThatHasNotJoinedTheRecoveredSiteIsUnknownHoweverLong) {
  Marks marks{term, true, std::nullopt, true};
  EXPECT_EQ(status(500s, marks).liveness, Liveness::suspect);
  EXPECT_TRUE(status(500s, marks).unjoined);
  marks.lost = encode(LostMark{});
  EXPECT_EQ(status(500s, marks).liveness, Liveness::lost) << "an administrator's word ends it";
  marks.lost.reset();
  marks.held = false;
  EXPECT_TRUE(hear(510s, 7, "b"));
  EXPECT_EQ(status(510s, marks).liveness, Liveness::alive);
  EXPECT_FALSE(status(510s, marks).unjoined);
  EXPECT_EQ(status(520s, marks).liveness, Liveness::lost) << "as any host of the site";
}

// Rule 14: 102 s + 50 ms of the guard + 5 s until it kills + 1 s to die, each by the slowest clock.
TEST_F(PermitLedgerTest, SharedDisksAreFreeWhenTheGuardMustHaveKilled) {
  EXPECT_EQ(status(103s, {term, false, std::nullopt}).disks_released_at, 102s + 6110500us);
}

// Rules 13 and 14: its last word was that nobody guards its VMs, so nobody pauses them when its
// permit ends. Time proves nothing of it; an administrator's word does.
TEST_F(PermitLedgerTest, AnUnguardedHostIsNotLostByTime) {
  EXPECT_TRUE(hear(110s, 1, "b"));
  (void)ledger.echo(n4, timing);
  HostStatus unguarded;
  unguarded.id = n4;
  unguarded.stamp = {"b", Time{}};
  EXPECT_TRUE(ledger.hear(111s, 2, unguarded));
  EXPECT_FALSE(ledger.echo(n4, timing));
  EXPECT_EQ(at(112s), Liveness::suspect);
  EXPECT_EQ(at(500s), Liveness::suspect);
  // But a fence program may prove it, as late as it would be lost had it had a guard: heard last at
  // 111 s, 2.02 s of a permit by the slowest clock, and the guard's delay.
  EXPECT_EQ(status(111s + 400ms, {term, false, std::nullopt}).proof_due, Time{}) << "it is alive";
  EXPECT_EQ(status(112s, {term, false, std::nullopt}).proof_due, 111s + 2070500us);
  EXPECT_EQ(status(500s, {term, false, std::nullopt}).proof_due, 111s + 2070500us);
  EXPECT_EQ(status(500s, confirmed(2)).proof_due, Time{}) << "nothing is left to be proved";
  EXPECT_EQ(status(500s, confirmed(2)).liveness, Liveness::lost);
  EXPECT_TRUE(hear(600s, 3, "b"));
  EXPECT_EQ(at(700s), Liveness::lost) << "it had a guard again when it was heard last";
}

TEST_F(PermitLedgerTest, AnEchoMovesTheBoundFromTheReceiptOfItsStamp) {
  EXPECT_TRUE(hear(110s, 1, "b"));
  EXPECT_EQ(at_bound(), 102s) << "heard, but not yet permitted";
  EXPECT_EQ(ledger.echo(n4, timing), (BootTime{"b", 5s}));
  EXPECT_EQ(at_bound(), 110s + 2020ms);
  EXPECT_EQ(at(110s + 499ms), Liveness::alive);
  EXPECT_EQ(at(110s + 500ms), Liveness::suspect);
}

TEST_F(PermitLedgerTest, OfTwoBootsTheOneThatAnsweredTheLaterHeartbeatIsTheNewer) {
  EXPECT_TRUE(hear(110s, 9, "new"));
  EXPECT_FALSE(hear(111s, 8, "old"));
  EXPECT_EQ(ledger.echo(n4, timing)->boot, "new");
}

class RoundTest : public testing::Test {
 protected:
  bool goes(HostId self, const std::map<HostId, AnswerKind>& answers, Time now,
            const std::map<HostId, Time>& stood = {}, HostId just_expired = {}) {
    return decide(Round{10s, answers}, {members, self, just_expired, stood, timing, patience}, now)
        .go;
  }
  Members members = voters(5);
  Timing timing = default_timing();
  Patience patience;
};

TEST_F(RoundTest, WaitsForLowerIdsAndAMajority) {
  using K = AnswerKind;
  EXPECT_FALSE(goes(n3, {{n4, K::ok}, {n5, K::ok}}, 10s + 24ms)) << "n1 and n2 may still answer";
  EXPECT_TRUE(goes(n3, {{n4, K::ok}, {n5, K::ok}}, 10s + 25ms));
  EXPECT_FALSE(goes(n3, {{n4, K::ok}}, 10s + 25ms)) << "two of five";
  EXPECT_FALSE(goes(n3, {{n4, K::ok}, {n5, K::leader}}, 10s + 25ms)) << "there is a leader";
  EXPECT_TRUE(goes(n1, {{n4, K::ok}, {n5, K::ok}}, 10s)) << "the lowest waits for nobody";
}

TEST_F(RoundTest, DoesNotWaitForTheLeaderWhoseGrantRanOut) {
  using K = AnswerKind;
  EXPECT_TRUE(goes(n2, {{n4, K::ok}, {n5, K::ok}}, 10s, {}, n1));
}

TEST_F(RoundTest, OneThatStandsDelaysItOnce) {
  using K = AnswerKind;
  const std::map<HostId, AnswerKind> answers{{n1, K::stand}, {n3, K::ok}};
  EXPECT_FALSE(goes(n2, answers, 10s + 74ms, {{n1, 10s}}));
  EXPECT_TRUE(goes(n2, answers, 10s + 75ms, {{n1, 10s}}));
}

TEST_F(RoundTest, PatienceGrowsWithTheRoundTripAndNotWithAPause) {
  patience.measured(20ms, timing);
  EXPECT_EQ(patience.answer(timing), 80ms);
  patience.measured(10s, timing);
  EXPECT_LE(patience.answer(timing), timing.lease / 4);
}

class CommandTest : public testing::Test {
 protected:
  CommandHeader header{t2, 5, "boot", "state", 1};
  CommandContext context{"boot", "state", t2, true, 1, Stamp{t2, 4}};
};

TEST_F(CommandTest, IsAcceptedOnce) {
  EXPECT_EQ(judge_at_receipt(header, context), CommandVerdict::accepted);
  context.high_water = header.stamp();
  EXPECT_EQ(judge_at_receipt(header, context), CommandVerdict::repeated);
  EXPECT_EQ(judge_at_begin(header, context), CommandVerdict::accepted);
}

TEST_F(CommandTest, IsRefusedForEveryReasonOfRule17) {
  auto other = context;
  other.boot = "later";
  EXPECT_EQ(judge_at_receipt(header, other), CommandVerdict::other_boot);
  other = context;
  other.state_id = "new disk";
  EXPECT_EQ(judge_at_receipt(header, other), CommandVerdict::other_state);
  other = context;
  other.heard = Term{3, n1};
  EXPECT_EQ(judge_at_begin(header, other), CommandVerdict::old_term);
  other = context;
  other.heard = t1;
  EXPECT_EQ(judge_at_receipt(header, other), CommandVerdict::no_permit)
      << "its term has given none yet";
  other = context;
  other.permit_valid = false;
  EXPECT_EQ(judge_at_begin(header, other), CommandVerdict::no_permit);
  other = context;
  other.permit_spell = 2;
  EXPECT_EQ(judge_at_begin(header, other), CommandVerdict::no_permit) << "interrupted since";
}

TEST(CommandLedgerTest, WithoutAnAnswerItCountsAsExecuted) {
  CommandLedger ledger(t1);
  for (int i = 0; i < 4; ++i) ledger.issue(n4, "boot", "state", 1);
  EXPECT_EQ(ledger.outstanding(n4), (std::set<std::uint64_t>{1, 2, 3, 4}));
  ledger.answered(n4, 3);
  ledger.inventory(n4, t2, 4);  // Of another term: says nothing.
  ledger.inventory(n4, t1, 1);
  EXPECT_EQ(ledger.outstanding(n4), (std::set<std::uint64_t>{2, 4}));
  ledger.lost(n4);
  EXPECT_TRUE(ledger.outstanding(n4).empty());
  EXPECT_EQ(ledger.issue(n4, "boot", "state", 1).number, 5U) << "numbers are never used again";
}

TEST(IncarnationTest, TheHigherOneIsRightAcrossTerms) {
  CommandLedger first(t1);
  CommandLedger second(t2);
  const Incarnation old_one = first.next_incarnation();
  const Incarnation next = first.next_incarnation();
  const Incarnation newest = second.next_incarnation();
  EXPECT_GT(compare_copies(next, old_one), 0);
  EXPECT_LT(compare_copies(next, newest), 0);
  EXPECT_EQ(compare_copies(next, next), 0);
}

}  // namespace
}  // namespace cierzo::election
