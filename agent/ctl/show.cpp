#include "agent/ctl/show.hpp"

#include <map>
#include <utility>
#include <vector>

#include "agent/ctl/table.hpp"

namespace cierzo::ctl {
namespace {

std::string leader_line(const api::StatusView& view) {
  if (!view.leader) {
    return "no leader: " + view.no_leader + "\nthis is what the asked host knows by itself\n";
  }
  return "leader: " + view.leader->name + " (id " + std::to_string(view.leader->id) + ", term " +
         std::to_string(view.leader->term) + ")\n";
}

// What an administrator must decide upon stands first.
std::string banner(const api::StatusView& view) {
  return view.brake.empty() ? "" : view.brake + "\n\n";
}

// "hosts: 3 alive" or "hosts: 2 alive, 1 lost", then a line for each that is not alive.
std::string hosts_summary(const api::StatusView& view, bool colour) {
  std::map<std::string, std::size_t> count;
  for (const api::HostRow& host : view.hosts) ++count[host.state];
  std::vector<std::string> parts;
  for (const auto& [state, number] : count) parts.push_back(std::to_string(number) + " " + state);
  std::string out = "hosts:  " + (parts.empty() ? "not known" : joined(parts, ", ")) + "\n";
  for (const api::HostRow& host : view.hosts) {
    if (host.state == "alive" && host.reason.empty()) continue;
    out += "  " + host.name + ": " + painted(state_cell(host.state), colour);
    if (!host.reason.empty()) out += ": " + host.reason;
    out += "\n";
  }
  return out;
}

// 3145728 -> "3.0 GiB"; people compare these, scripts read KiB.
std::string gib(std::uint64_t kib) {
  const std::uint64_t tenths = kib * 10 / (1024 * 1024);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GiB";
}

}  // namespace

std::string counted(std::size_t count, const std::string& thing) {
  return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

std::string joined(const std::vector<std::string>& texts, const std::string& between) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : between) + text;
  return out;
}

std::string show_status(const api::StatusView& view, bool colour) {
  std::string out = banner(view) + leader_line(view) + hosts_summary(view, colour);
  if (view.resources.empty()) {
    return out + "\nno resources; declare one with: agentctl apply FILE\n";
  }
  for (const api::ResourceRow& resource : view.resources) {
    out += "\n" + resource.type + " " + resource.name + ": " +
           painted(state_cell(resource.state), colour) + " (ensure " + resource.ensure + ")\n";
    for (const api::ScaleRow& scale : resource.scale) {
      if (scale.wanted == scale.addresses) continue;
      out += scale.role + ": " + std::to_string(scale.wanted) + " of " +
             std::to_string(scale.addresses) +
             (scale.wanted == scale.declared
                  ? ""
                  : ", scaled; declared: " + std::to_string(scale.declared)) +
             "\n";
    }
    std::vector<Row> rows;
    for (const api::InstanceRow& instance : resource.instances) {
      rows.push_back({{instance.name},
                      {joined(instance.roles, ",")},
                      {instance.address},
                      {instance.host.empty() ? "-" : instance.host},
                      state_cell(instance.state),
                      state_cell(instance.health)});
      if (!instance.reason.empty()) rows.push_back({{instance.reason}});
    }
    if (rows.empty()) continue;
    out += table({{"INSTANCE"}, {"ROLES"}, {"ADDRESS"}, {"HOST"}, {"STATE"}, {"HEALTH"}}, rows,
                 colour);
  }
  return out;
}

std::string show_hosts(const api::StatusView& view, bool colour) {
  std::vector<Row> rows;
  for (const api::HostRow& host : view.hosts) {
    const bool known = host.memory_total_kib != 0;
    const bool leads = view.leader && view.leader->id == host.id;
    rows.push_back(
        {{std::to_string(host.id)},
         {host.name},
         state_cell(host.state),
         {leads          ? "leader"
          : host.witness ? (host.voter ? "witness" : "witness, no vote")
          : host.voter   ? "voter"
                         : "-"},
         {host.address},
         {known ? gib(host.memory_free_kib) + " of " + gib(host.memory_total_kib) : "-"},
         {known ? std::to_string(host.cpus_free) + " of " + std::to_string(host.cpus_total)
                : "-"}});
    if (!host.reason.empty()) rows.push_back({{host.reason}});
  }
  return banner(view) + (view.leader ? "" : leader_line(view)) +
         table({{"ID"}, {"HOST"}, {"STATE"}, {"PART"}, {"ADDRESS"}, {"MEMORY FREE"}, {"CPUS FREE"}},
               rows, colour);
}

std::string show_plan(const api::PlanView& view) {
  std::string out;
  for (const std::string& warning : view.warnings) out += "warning: " + warning + "\n";
  for (const api::ActionRow& action : view.actions) out += action.text + "\n";
  for (const api::BlockedRow& blocked : view.blocked) {
    out +=
        (blocked.waiting ? "wait " : "blocked ") + blocked.instance + ": " + blocked.reason + "\n";
  }
  return out + view.summary + "\n";
}

std::string show_confirmed(const api::ConfirmView& view) {
  std::string out;
  for (const api::ChangeRow& host : view.hosts) {
    out += host.name +
           (host.change == "unchanged" ? ": was confirmed lost before" : ": confirmed lost") + "\n";
  }
  for (const std::string& warning : view.warnings) out += "warning: " + warning + "\n";
  if (view.actions.empty()) out += "nothing of them can be started elsewhere now\n";
  for (const api::ActionRow& action : view.actions) out += action.text + "\n";
  return out;
}

std::string show_recovery(const api::RecoverView& view) {
  std::string out = view.host +
                    ": votes alone, so only its disk keeps what is declared; when others " +
                    "have joined give them votes, one at a time: agentctl host set NAME --voter " +
                    "yes\n" + "kept: what " + view.host + " has stored, " + view.catalog +
                    "; what was changed after that is gone\n";
  for (const std::string& name : view.lost) {
    out += name + ": confirmed lost: what it ran is started elsewhere\n";
  }
  for (const std::string& name : view.others) {
    out +=
        name + ": joins by itself when it is reached; until then what it may run is left alone\n";
  }
  return out + "hosts that are not named here are not known to " + view.host +
         ": if there are any, do not recover on it\n";
}

std::string show_outputs(const api::OutputsView& view) {
  if (view.outputs.empty()) return "its roles have said nothing\n";
  std::vector<Row> rows;
  for (const api::OutputRow& output : view.outputs) {
    rows.push_back({{output.instance},
                    {output.role},
                    {output.key},
                    {output.secret ? "(a secret)" : output.value}});
  }
  return table({{"INSTANCE"}, {"ROLE"}, {"KEY"}, {"VALUE"}}, rows, false);
}

std::string show_types(const api::TypesView& view) {
  std::vector<Row> rows;
  for (const api::TypeRow& type : view.types) {
    std::vector<std::string> roles;
    for (const api::RoleRow& role : type.roles) roles.push_back(role.name + " " + role.count);
    rows.push_back({{type.name}, {type.summary}});
    rows.push_back({{"roles: " + joined(roles, ", ")}});
    if (!type.attributes.empty()) {
      rows.push_back({{"attributes: " + joined(type.attributes, ", ")}});
    }
  }
  return table({{"TYPE"}, {"SUMMARY"}}, rows, false);
}

std::string show_event(const api::EventRow& event) {
  return event.time + "  " + event.host + "  " + event.message + "\n";
}

std::string show_changes(const api::ApplyAnswer& answer) {
  std::string out;
  for (const std::string& warning : answer.warnings) out += "warning: " + warning + "\n";
  for (const api::ChangeRow& change : answer.changes)
    out += change.name + ": " + change.change + "\n";
  return out;
}

}  // namespace cierzo::ctl
