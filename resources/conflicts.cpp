#include <map>
#include <utility>

#include "resources/address.hpp"
#include "resources/resource.hpp"

namespace cierzo {
namespace {

struct User {
  std::string name;
  std::string place;
  bool is_new = false;
};

// Who uses what, over the whole catalog; the second user is a conflict.
class Uses {
 public:
  // False: somebody else has it.
  bool claim(const std::string& what, User by, const std::string& advice = {}) {
    const auto [found, added] = users_.emplace(what, by);
    if (added) return true;
    User first = found->second;
    if (first.name == by.name && first.place == by.place) return true;
    if (first.is_new || by.is_new) {
      if (!by.is_new) std::swap(first, by);  // the place in front is one that can be changed now
      texts.push_back((by.place.empty() ? "" : by.place + ": ") + what + ": used by " +
                      shown(first) + " and by " + by.name + advice);
    }
    return false;
  }
  std::vector<std::string> texts;

 private:
  static std::string shown(const User& user) {
    if (!user.place.empty()) return user.name + " (" + user.place + ")";
    return user.name + (user.is_new ? "" : ", which the site has already,");
  }

  std::map<std::string, User> users_;
};

struct Machine {
  std::string name;
  std::string place;
};

std::map<std::string, Machine> machines_of(const Claimant& claimant) {
  const Resource& resource = *claimant.resource;
  std::map<std::string, Machine> machines;  // by address
  auto all = resource.slots;
  for (const auto& [role, leaving] : resource.leaving) {
    all[role].insert(all[role].end(), leaving.begin(), leaving.end());
  }
  for (const auto& [role, slots] : all) {
    for (const Slot& slot : slots) {
      Machine machine{resource.name.value + "-" + role.value + "-" + std::to_string(slot.position),
                      {}};
      if (claimant.places) {
        const auto place = claimant.places->addresses.find(slot.address);
        if (place != claimant.places->addresses.end()) machine.place = place->second;
      }
      machines.emplace(slot.address, std::move(machine));
    }
  }
  return machines;
}

}  // namespace

std::vector<std::string> conflicts(const std::vector<Claimant>& claimants) {
  Uses uses;
  for (const Claimant& claimant : claimants) {
    const Resource& resource = *claimant.resource;
    const Places* places = claimant.places;
    const User owner{"the " + resource.type + " '" + resource.name.value + "'",
                     places ? places->title : std::string(), places != nullptr};
    if (!uses.claim("the name " + resource.name.value, owner)) continue;
    const auto first_mac = parse_mac(resource.first_mac);
    std::uint64_t slot = 0;
    for (const auto& [address, machine] : machines_of(claimant)) {
      const User user{machine.name, machine.place, places != nullptr};
      // Two machines of one address would have one MAC, too: that says nothing new.
      if (!uses.claim(address, user) && !first_mac) continue;
      // Which machine has which MAC of a declared range does not matter here: all of it is used.
      if (first_mac) {
        uses.claim("the MAC " + print_mac(*first_mac + slot++),
                   {owner.name, places ? places->first_mac : std::string(), places != nullptr});
      } else {
        const std::uint64_t mac = 0x525400000000ULL | (parse_ipv4(address).value_or(0) & 0xffffffU);
        uses.claim("the MAC " + print_mac(mac), user,
                   "; it is made of the address: give one of them a starting_mac_address");
      }
    }
  }
  return std::move(uses.texts);
}

}  // namespace cierzo
