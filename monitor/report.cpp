#include "monitor/report.hpp"

#include <charconv>
#include <iterator>
#include <string_view>

#include "resources/digest.hpp"

namespace cierzo {
namespace {

// Every field is written with its length, so that no two different reports make the same text.
class Text {
 public:
  void add(std::string_view value) {
    append(value.size());
    text_ += ':';
    text_ += value;
  }
  template <class Number>
  requires std::is_arithmetic_v<Number> || std::is_enum_v<Number>
  void add(Number value) {
    char digits[24];
    char* end = digits;
    if constexpr (std::is_enum_v<Number> || std::is_same_v<Number, bool>) {
      end = std::to_chars(std::begin(digits), std::end(digits), static_cast<int>(value)).ptr;
    } else {
      end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
    }
    add(std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }
  void add(const Stamp& stamp) {
    add(stamp.term.counter);
    add(stamp.term.owner.value);
    add(stamp.sequence);
  }
  void add(const Failure& failure) {
    add(failure.count);
    add(std::string_view(failure.error));
  }
  void add(const Observed& seen);

  [[nodiscard]] std::string digest() const { return sha256(text_); }

 private:
  void append(std::size_t number) {
    char digits[24];
    text_.append(digits, std::to_chars(std::begin(digits), std::end(digits), number).ptr);
  }

  std::string text_;
};

void Text::add(const Observed& seen) {
  add(std::string_view(seen.name.value));
  add(std::string_view(seen.resource.value));
  add(seen.presence);
  add(seen.run);
  add(seen.paused_under);
  add(seen.overlay);
  add(seen.fresh_disk);
  add(seen.guest_answers);
  add(seen.incarnation);
  add(std::string_view(seen.spec_digest));
  add(std::string_view(seen.network_digest));
  add(std::string_view(seen.checks_digest));
  add(seen.start);
  add(seen.configure);
  add(seen.resets);
  add(seen.on_isolation);
  add(seen.disk);
  add(seen.role_names.size());
  for (const RoleName& role : seen.role_names) add(std::string_view(role.value));
  add(seen.roles.size());
  for (const auto& [role, observed] : seen.roles) {
    add(std::string_view(role.value));
    add(std::string_view(observed.configured_digest));
    add(observed.health);
    add(observed.failures);
    add(observed.restarts);
    add(std::string_view(observed.error));
    add(observed.start);
    add(observed.stop);
    add(std::string_view(observed.stopped_digest));
    add(observed.draining);
    add(observed.drain);
    add(observed.outputs.size());
    for (const auto& [key, value] : observed.outputs) {
      add(std::string_view(key));
      add(std::string_view(value));
    }
    add(observed.load.value_or(-1));
  }
  add(seen.joined.size());
  for (const Joined& joined : seen.joined) {
    add(std::string_view(joined.on.value));
    add(std::string_view(joined.member.name.value));
    add(std::string_view(joined.member.role.value));
    add(std::string_view(joined.member.address));
    add(joined.member.index);
    add(std::string_view(joined.digest));
    add(joined.failure);
  }
}

}  // namespace

std::string report_digest(const Report& report) {
  Text text;
  text.add(report.host.value);
  for (const std::string* part : {&report.boot, &report.state_id, &report.process}) {
    text.add(std::string_view(*part));
  }
  text.add(Stamp{report.term, 0});
  text.add(report.permit_spell);
  text.add(report.executed);
  text.add(report.unfinished.size());
  for (const Unfinished& command : report.unfinished) text.add(command.id);
  text.add(report.surveyed);
  text.add(report.hypervisor_answers);
  text.add(std::string_view(report.hypervisor_error));
  text.add(std::string_view(report.guard_error));
  text.add(report.memory_total_kib);
  text.add(report.memory_free_kib);
  text.add(report.cpus_total);
  text.add(report.cpus_free);
  text.add(report.images.size());
  for (const auto& [name, digest] : report.images) {
    text.add(std::string_view(name));
    text.add(std::string_view(digest));
  }
  text.add(report.images_asked.size());
  for (const std::string& image : report.images_asked) text.add(std::string_view(image));
  text.add(report.networks.size());
  for (const std::string& network : report.networks) text.add(std::string_view(network));
  text.add(report.instances.size());
  for (const Observed& seen : report.instances) text.add(seen);
  return text.digest();
}

}  // namespace cierzo
