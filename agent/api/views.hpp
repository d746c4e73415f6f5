// What people and scripts see of a site: the answers and requests of the control socket, as plain
// values. The names of the fields are the names in the JSON (net/codec_api.hpp turns one into the
// other) and do not change. Numbers are numbers in the JSON, so none exceeds 2^53.
//
// Nothing here is ever read back as a fact about the world: the leader decides from the catalog and
// from reports, and these are pictures of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "resources/resource.hpp"

namespace cierzo::api {

// ---- GET /v1/status, GET /v1/hosts (the same without resources)

struct LeaderView {
  std::uint32_t id = 0;
  std::string name;
  std::uint64_t term = 0;  // The term's counter; its owner is `id`.
};

struct HostRow {
  std::uint32_t id = 0;
  std::string name;
  std::string state;  // alive suspect lost held unjoined
  bool voter = false;
  bool witness = false;  // It runs nothing, and votes unless the site's recovery took its vote.
  std::string address;
  std::string reason;  // Why it is not simply alive: "no report for 12 s"; empty if nothing.
  std::uint64_t memory_total_kib = 0, memory_free_kib = 0;  // 0 and 0: not known.
  std::int32_t cpus_total = 0, cpus_free = 0;
  // What its loss proves: "" (not lost), permit-ended, disks-released, confirmed, fenced;
  // added: it was not heard since it became a host of the site, so nothing was started there.
  std::string lost_proof;
};

struct InstanceRow {
  std::string name;
  std::vector<std::string> roles;
  std::string address;
  std::string host;         // Its name; empty: on none, or nobody knows.
  std::string state;        // absent starting booting configuring running draining paused
                            // stopping failed unknown
  std::string health;       // passing failing flapping unknown
  std::string incarnation;  // "counter.owner.sequence"; empty: it was never started.
  std::string reason;       // Why it is not simply running; empty if nothing.
  std::string load{};       // How busy its roles say they are: "node=5"; empty: none says it.
};

// Of a role with several addresses, or with other than all of them in use.
struct ScaleRow {
  std::string role;
  std::int32_t wanted = 0;     // Instances.
  std::int32_t declared = 0;   // What its manifest wants: another number where it was scaled.
  std::int32_t addresses = 0;  // As many as it can be scaled to.
};

struct ResourceRow {
  std::string type, name;
  std::string ensure;  // running stopped absent
  std::string state;   // running converging degraded stopped failed
  std::vector<InstanceRow> instances;
  std::vector<ScaleRow> scale{};
};

struct StatusView {
  std::optional<LeaderView> leader;  // null in the JSON where there is none.
  std::vector<HostRow> hosts;
  std::vector<ResourceRow> resources;
  bool local_view =
      false;  // There is no leader to ask: this is what the answering host knows itself.
  // Why nothing of lost hosts is replaced; empty: it is. (rule 19)
  std::string brake;
  std::string no_leader;  // Why: "1 of 3 voters reachable, 2 needed; missing: node2, node3".
};

// ---- POST /v1/hosts/change, answered by an ApplyAnswer

struct HostChange {
  std::string action;  // add remove set replace
  std::string name;
  std::uint32_t id = 0;      // Of add.
  std::string address, key;  // Of add and replace; address of set, too. Empty: as it is.
  std::string voter;         // yes, no; empty: of add no, of set as it is.
  bool witness = false;      // Of add.
  bool force = false;        // Of remove and replace: the machine is switched off for good.
};

// ---- POST /v1/plan, POST /v1/apply

// Everything that one `agentctl apply` declares: stored as a whole or not at all. Sent to /v1/plan
// it asks what would be done; empty, what is being done.
struct ApplyRequest {
  std::vector<Resource> resources;  // Each from read_resource; its files are read already.
  std::map<std::string, std::map<std::string, std::string>> types;  // Type::files of those used.
  std::map<std::string, Places> places;  // By resource: where its manifest says what.
};

struct ActionRow {
  std::string action;  // start, stop, configure, ...: one word for a script to look at.
  std::string instance;
  std::string host;  // Its name.
  std::string reason;
  std::string text;  // As people read it: "start myweb-server-1 on node2: host node1 lost".
};

struct BlockedRow {
  std::string instance;
  bool waiting = false;  // True: an earlier step is under way. False: the world lacks something.
  std::string reason;
};

struct PlanView {
  std::vector<ActionRow> actions;  // In order.
  std::vector<BlockedRow> blocked;
  std::string summary;                  // "4 actions now, 2 instances wait"
  std::vector<std::string> warnings{};  // What apply would warn of.
};

// ---- POST /v1/resources/NAME/scale, .../reset: answered by an ApplyAnswer

struct ScaleRequest {
  std::map<std::string, std::int32_t> roles;  // Role -> instances.
};

struct ResetRequest {
  std::string instance;  // Empty: all of the resource.
};

// ---- GET /v1/resources/NAME/outputs

struct OutputRow {
  std::string instance, role, key;
  std::string value;    // Empty of a secret.
  bool secret = false;  // Nobody is shown it.
};

struct OutputsView {
  std::vector<OutputRow> outputs;
};

struct ChangeRow {
  std::string name;
  std::string change;  // created changed unchanged removed
};

// Of apply, stop, start and delete: what a majority of the voters has stored. `outcome` is accepted
// from the agent; agentctl, which waits, makes it converged, failed or timed out.
struct ApplyAnswer {
  std::vector<ChangeRow> changes;
  std::vector<std::string> warnings;
  std::string outcome = "accepted";
  double waited_s = 0;
};

// ---- POST /v1/confirm-lost

// An administrator's word that these hosts are really down. (rule 14)
struct ConfirmRequest {
  std::vector<std::string> hosts;
  bool dry_run = false;  // Only say what it would lead to.
};

struct ConfirmView {
  std::vector<ChangeRow> hosts;  // confirmed unchanged
  // What their resources are then given elsewhere, as far as there is room for it now.
  std::vector<ActionRow> actions;
  std::vector<std::string> warnings;
};

// ---- POST /v1/site/recover

// Makes the site anew from what the asked host has stored. (rule 22)
struct RecoverRequest {
  std::vector<std::string> lost;       // Hosts that are gone for good, or have lost their state.
  std::vector<std::string> addresses;  // "node2=192.0.2.12:7400": where hosts really are.
  bool dry_run = false;                // Only say what it would lead to.
};

struct RecoverView {
  std::string host;     // The one that votes from then on.
  std::string catalog;  // What is kept: "change 7 of term 3 by node1"; later ones are gone.
  std::vector<std::string> lost, others;  // Names; others: unknown until they have joined.
};

// ---- GET /v1/events?after=N&wait=SECONDS

struct EventRow {
  std::uint64_t sequence = 0;
  std::string time;  // RFC 3339 in UTC with milliseconds: "2024-05-01T10:00:00.000Z"
  std::string host;  // Name of the host that tells it.
  std::string kind;  // leader, host, instance, resource, action
  std::string subject;
  std::string message;
};

// Sequence numbers mean something within one `source` only: a new leader counts for itself, and who
// follows starts again at 0 when the source is another.
struct EventsView {
  std::string source;
  std::vector<EventRow> events;  // Those above `after`, oldest first; empty when `wait` has passed.
};

// ---- GET /v1/types, GET /v1/version

struct RoleRow {
  std::string name;
  std::string count;  // "1", "0..1", "1.."
  std::vector<std::string> after;
};

struct TypeRow {
  std::string name, summary, digest;
  std::vector<RoleRow> roles;
  std::vector<std::string> attributes;  // Names; a required one has `*` behind it.
};

struct TypesView {
  std::vector<TypeRow> types;
};

struct VersionView {
  std::string software;  // "0.1.0"
  std::string host;      // Name of the host whose agent answers.
};

// ---- What agentctl prints of its own, for --output json

struct VersionsView {
  std::string agentctl;
  std::string agent, host;  // Of the agent that answered; empty: none did.
};

struct KeyView {
  std::string file;  // Holds the secret key.
  std::string public_key;
};

struct ValidateView {
  bool valid = false;
  std::vector<std::string> resources;  // "web myweb"
  std::vector<std::string> mistakes, warnings;
};

// ---- Every answer whose status is not 200

struct ErrorView {
  std::string error;                  // One line: the thing and its state.
  std::vector<std::string> mistakes;  // All of them, where several things are wrong at once.
  std::string next;                   // What to do about it: a command where there is one.
};

}  // namespace cierzo::api
