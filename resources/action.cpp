#include "resources/action.hpp"

#include <cstdlib>

namespace cierzo {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

// Verb, instance and preposition. Inputs of scripts are never part of it: they hold secrets.
std::string sentence(const Action& action) {
  const std::string& name = action.instance.value;
  return std::visit(
      Overloaded{
          [&](const StartVm& w) {
            return "start " + name + (w.fresh_disk ? " with a fresh disk on " : " on ");
          },
          [&](const StopVm& w) {
            const std::string verb = w.grace == Duration::zero() ? "destroy " : "stop ";
            return verb + name + (w.remove_disk ? " with its disk on " : " on ");
          },
          [&](const RemoveDisk&) { return "remove the disk of " + name + " on "; },
          [&](const ResetVm&) { return "reset " + name + " on "; },
          [&](const Resume&) { return "resume " + name + " on "; },
          [&](const Configure&) { return "configure " + name + " on "; },
          [&](const RunScript& w) {
            const bool about = !w.member.name.value.empty();
            return "run " + std::string(to_string(w.kind)) + " of " +
                   (about ? w.member.role.value + " for " + w.member.name.value : w.role.value) +
                   " in " + name + " on ";
          },
          [&](const Attend&) { return "check " + name + " on "; },
          [&](const ForgetFailures& w) {
            return "forget failures of " + w.role.value + " in " + name + " on ";
          },
      },
      action.work);
}

}  // namespace

std::string_view to_string(ScriptKind kind) {
  switch (kind) {
    case ScriptKind::start:
      return "start";
    case ScriptKind::stop:
      return "stop";
    case ScriptKind::drain:
      return "drain";
    case ScriptKind::join:
      return "join";
    case ScriptKind::leave:
      return "leave";
  }
  std::abort();
}

bool loads_host(const Work& work) {
  return !std::holds_alternative<Configure>(work) && !std::holds_alternative<RunScript>(work) &&
         !std::holds_alternative<Attend>(work) && !std::holds_alternative<ForgetFailures>(work);
}

std::string to_string(const Action& action, const std::string& host) {
  std::string text = sentence(action) + host;
  if (!action.reason.empty()) text += ": " + action.reason;
  return text;
}

}  // namespace cierzo
