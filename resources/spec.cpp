#include "resources/spec.hpp"

#include "resources/digest.hpp"

namespace cierzo {
namespace {

// The image is last and takes the rest: it is the only part that an operator wrote.
constexpr const char* fields[] = {"memory=", "|vcpus=", "|disk=", "|template=", "|image="};
constexpr const char* names[] = {"memory", "vcpus", "disk", "template", "image"};
constexpr std::size_t field_count = 5;

std::string_view field(std::string_view digest, std::size_t which) {
  const std::string_view begin = fields[which];
  const std::size_t at = digest.find(begin);
  if (at == std::string_view::npos) return {};
  digest.remove_prefix(at + begin.size());
  return which + 1 < field_count ? digest.substr(0, digest.find('|')) : digest;
}

}  // namespace

std::string spec_digest(const Instance& instance) {
  const std::string parts[field_count] = {
      std::to_string(instance.memory_kib), std::to_string(instance.vcpus),
      instance.disk == Disk::local ? "local" : "shared",
      instance.domain_template.empty() ? "built-in"
                                       : sha256(instance.domain_template).substr(0, 16),
      instance.image};
  std::string digest;
  for (std::size_t i = 0; i < field_count; ++i) digest += fields[i] + parts[i];
  return digest;
}

std::string spec_difference(std::string_view running, std::string_view wanted) {
  if (running.empty() || running == wanted) return {};
  std::string text;
  for (std::size_t i = 0; i < field_count; ++i) {
    const std::string_view old = field(running, i), now = field(wanted, i);
    if (old == now) continue;
    if (!text.empty()) text += ", ";
    text += names[i];
    text += ' ';
    text += old;
    text += " -> ";
    text += now;
  }
  return text;
}

}  // namespace cierzo
