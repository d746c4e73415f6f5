#include <map>

#include "resources/address.hpp"
#include "resources/resource.hpp"

namespace cierzo {
namespace {

// Who uses what, over the whole catalog; the second user is a conflict.
class Uses {
 public:
  void claim(const std::string& what, const std::string& by) {
    const auto [found, added] = users_.emplace(what, by);
    if (!added && found->second != by) {
      texts.push_back(what + ": used by " + found->second + " and by " + by);
    }
  }
  std::vector<std::string> texts;

 private:
  std::map<std::string, std::string> users_;
};

}  // namespace

std::vector<std::string> conflicts(const std::vector<Resource>& resources) {
  Uses uses;
  std::map<std::string, std::string> titles;
  for (const Resource& resource : resources) {
    const auto [title, added] = titles.emplace(resource.name.value, resource.type);
    if (!added) {
      uses.texts.push_back("the name " + resource.name.value + ": used by a " + title->second +
                           " and by a " + resource.type);
      continue;
    }
    std::map<std::string, std::string> machines;  // address -> instance
    for (const auto& [role, slots] : resource.slots) {
      for (const Slot& slot : slots) {
        machines.emplace(slot.address, resource.name.value + "-" + role.value + "-" +
                                           std::to_string(slot.position));
      }
    }
    const auto first_mac = parse_mac(resource.first_mac);
    std::uint64_t slot = 0;
    for (const auto& [address, name] : machines) {
      uses.claim(address, name);
      // Which machine has which MAC of a declared range does not matter here: all of it is used.
      const std::uint64_t mac =
          first_mac ? *first_mac + slot++
                    : 0x525400000000ULL | (parse_ipv4(address).value_or(0) & 0xffffffU);
      uses.claim("the MAC " + print_mac(mac), first_mac ? resource.name.value : name);
    }
  }
  return std::move(uses.texts);
}

}  // namespace cierzo
