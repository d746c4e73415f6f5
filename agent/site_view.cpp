#include "agent/site_view.hpp"

#include <variant>

namespace cierzo {
namespace {

std::string name_of(HostId id, const std::vector<HostFacts>& hosts) {
  for (const HostFacts& host : hosts) {
    if (host.id == id) return host.name;
  }
  return "host " + std::to_string(id.value);
}

struct Word {
  std::string operator()(const StartVm&) const { return "start"; }
  std::string operator()(const StopVm&) const { return "stop"; }
  std::string operator()(const RemoveDisk&) const { return "remove-disk"; }
  std::string operator()(const ResetVm&) const { return "reset"; }
  std::string operator()(const Resume&) const { return "resume"; }
  std::string operator()(const Configure&) const { return "configure"; }
  std::string operator()(const RunScript& run) const {
    const bool about = !run.member.name.value.empty();
    return std::string(to_string(run.kind)) + (about ? "" : "-role");
  }
  std::string operator()(const Attend&) const { return "attend"; }
  std::string operator()(const ForgetFailures&) const { return "forget-failures"; }
};

std::string proof_of(const HostFacts& host) {
  if (host.added) return "added";
  if (host.confirmed_lost) return "confirmed";
  if (host.state != HostState::lost) return "";
  switch (host.lost_proof) {
    case LostProof::permit_ended:
      return "permit-ended";
    case LostProof::disks_released:
      return "disks-released";
    case LostProof::proven:
      return "fenced";
  }
  return "";
}

std::string count_of(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

std::string to_string(const Incarnation& incarnation) {
  return std::to_string(incarnation.term.counter) + "." +
         std::to_string(incarnation.term.owner.value) + "." + std::to_string(incarnation.sequence);
}

std::string to_string(HostState state) {
  switch (state) {
    case HostState::alive:
      return "alive";
    case HostState::suspect:
      return "suspect";
    case HostState::lost:
      return "lost";
    case HostState::held:
      return "held";
  }
  return "unknown";
}

std::string to_string(Ensure ensure) {
  switch (ensure) {
    case Ensure::running:
      return "running";
    case Ensure::stopped:
      return "stopped";
    case Ensure::absent:
      return "absent";
  }
  return "unknown";
}

std::string rival_site(const std::string& host) {
  return host + " has made another site out of this one: there stop its agent, and " +
         "rm /var/lib/cierzo/state.db* (in the folder that its configuration calls state); see " +
         "docs/safety.md";
}

std::string hypervisor_silent(const std::string& error) {
  return "its hypervisor does not answer" + (error.empty() ? "" : ": " + error) +
         "; look there with: systemctl status libvirtd";
}

api::HostRow host_row(const HostFacts& host, bool voter, const Report* report,
                      const std::string& hypervisor_error, Duration silent) {
  api::HostRow row;
  row.id = host.id.value;
  row.name = host.name;
  row.state = to_string(host.state);
  const bool away = host.state == HostState::suspect || host.state == HostState::lost;
  if (away && host.unjoined) row.state = "unjoined";  // However long it is silent. (rule 22)
  row.voter = voter;
  row.address = host.address;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(silent).count();
  switch (host.state) {
    case HostState::alive:
      if (report != nullptr ? !report->hypervisor_answers : !hypervisor_error.empty()) {
        row.reason = hypervisor_silent(hypervisor_error);
      } else if (report != nullptr && !report->guard_error.empty()) {
        row.reason = "starts no VM, and pauses those it has: " + report->guard_error;
      } else if (report == nullptr) {
        row.reason = "it has not reported yet";
      }
      break;
    case HostState::suspect:
    case HostState::lost:
      row.lost_proof = proof_of(host);
      row.reason = seconds > 0 ? "not heard for " + std::to_string(seconds) + " s"
                               : "not heard in this term";
      if (host.added) {
        row.reason = "added, and not heard yet: start its agent, with this host in its file";
        break;
      }
      if (host.unjoined) {
        row.reason =
            "not heard since the site was recovered, so what it ran may run on, and is not started "
            "elsewhere: start its agent, or if it is off for good: agentctl confirm-lost " +
            host.name;
        break;
      }
      if (host.state == HostState::suspect && report != nullptr && !report->guard_error.empty()) {
        row.reason +=
            "; its guard did not run, so silence proves nothing: if it is really down, "
            "agentctl confirm-lost " +
            host.name;
      }
      if (row.lost_proof == "confirmed")
        row.reason += "; an administrator confirmed that it is down";
      if (row.lost_proof == "fenced") row.reason += "; its fence program has cut its power";
      if (row.lost_proof == "permit-ended")
        row.reason += "; its permit has ended: what runs on its own disk is paused there";
      if (row.lost_proof == "disks-released")
        row.reason += "; its permit has ended, and its shared disks are let go of";
      break;
    case HostState::held:
      row.reason = "its agent was stopped; its VMs run on";
      break;
  }
  if (report == nullptr || host.state == HostState::lost) return row;
  row.memory_total_kib = report->memory_total_kib;
  row.memory_free_kib = report->memory_free_kib;
  row.cpus_total = report->cpus_total;
  row.cpus_free = report->cpus_free;
  return row;
}

std::string kept_on(HostId host, const std::set<Kept>& all) {
  std::string names;
  for (const Kept& kept : all) {
    if (kept.host == host) names += (names.empty() ? "" : ", ") + kept.instance.value;
  }
  if (names.empty()) return {};
  return "keeps " + names + ", not declared since the site was recovered: see agentctl plan";
}

std::vector<api::ResourceRow> resource_rows(const std::vector<ResourceStatus>& status,
                                            const std::vector<HostFacts>& hosts) {
  std::vector<api::ResourceRow> rows;
  for (const ResourceStatus& resource : status) {
    api::ResourceRow row;
    row.type = resource.type;
    row.name = resource.name.value;
    row.ensure = to_string(resource.ensure);
    row.state = resource.state;
    for (const InstanceStatus& instance : resource.instances) {
      api::InstanceRow made;
      made.name = instance.name.value;
      for (const RoleName& role : instance.roles) made.roles.push_back(role.value);
      made.address = instance.address;
      if (instance.host) made.host = name_of(*instance.host, hosts);
      made.state = instance.state;
      made.health = instance.health;
      if (instance.incarnation) made.incarnation = to_string(*instance.incarnation);
      made.reason = instance.reason;
      made.load = instance.load;
      row.instances.push_back(std::move(made));
    }
    for (const RoleScale& scale : resource.scale) {
      row.scale.push_back({scale.role.value, scale.wanted, scale.declared, scale.slots});
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

api::PlanView plan_view(const Plan& plan, const std::vector<HostFacts>& hosts) {
  api::PlanView view;
  for (const Action& action : plan.actions) {
    const std::string host = name_of(action.on, hosts);
    view.actions.push_back({std::visit(Word{}, action.work), action.instance.value, host,
                            action.reason, to_string(action, host)});
  }
  for (const Blocked& blocked : plan.blocked) {
    view.blocked.push_back({blocked.instance.value, blocked.waiting, blocked.reason});
  }
  view.summary = count_of(plan.actions.size(), "action") + " now, " +
                 count_of(plan.blocked.size(), "instance") + " wait" +
                 (plan.blocked.size() == 1 ? "s" : "");
  if (plan.actions.empty() && plan.blocked.empty()) view.summary = "nothing to do";
  return view;
}

}  // namespace cierzo
