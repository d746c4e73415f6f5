#include "agent/declared.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "manifests/nearest.hpp"
#include "resources/desired.hpp"
#include "resources/generated.hpp"
#include "resources/placement.hpp"
#include "resources/scaling.hpp"
#include "resources/world_index.hpp"

namespace cierzo {
namespace {

// Addresses that no guest of this site can have, each with its place.
void check_addresses(const Resource& resource, const Places& places, const SiteAddresses& site,
                     std::vector<std::string>& mistakes) {
  if (resource.ensure == Ensure::absent) return;
  for (const auto& [role, slots] : resource.slots) {
    std::string said;  // of a range, or of one entry of a file, one address is enough
    for (const Slot& slot : slots) {
      const std::string why = address_mistake(site, slot.address);
      const auto found = places.addresses.find(slot.address);
      const std::string place = found == places.addresses.end() ? "" : found->second + ": ";
      if (why.empty() || (!place.empty() && place == said)) continue;
      said = place;
      mistakes.push_back(place + resource.type + "." + resource.name.value + "." + role.value +
                         ": " + slot.address + " " + why);
    }
  }
}

// Pool entries that are no host of this site. No mistake: the host may be added later; but a typing
// error would show only when nothing else has room.
void pool_warnings(const Resource& resource, const std::vector<HostView>& hosts,
                   std::vector<std::string>& warnings) {
  std::vector<std::string> names;
  for (const HostView& host : hosts) names.push_back(host.name);
  for (const std::string& entry : resource.pool) {
    const bool known = std::any_of(hosts.begin(), hosts.end(), [&](const HostView& host) {
      return entry == host.name || entry == host.address;
    });
    if (known) continue;
    const auto nearest = manifests::nearest(entry, names);
    warnings.push_back(resource.type + "." + resource.name.value + ".pool: '" + entry +
                       "' is no host of this site" +
                       (nearest ? "; did you mean '" + *nearest + "'?" : ""));
  }
}

// Has none of the hosts that it may run on the image of an instance? `known` gets what they have.
// One that has not said may have it: then nothing is said.
bool nobody_has(const Instance& instance, const std::vector<HostView>& hosts,
                std::set<std::string>& known) {
  bool any = false;
  for (const HostView& host : hosts) {
    if (!pool_rank(instance, host) || host.state == HostState::lost) continue;
    const auto& asked = host.images_asked;
    const bool is_path = instance.image.starts_with('/');
    const bool said =
        WorldIndex::answers(host) &&
        (!is_path || std::find(asked.begin(), asked.end(), instance.image) != asked.end());
    if (!said || host.images.contains(instance.image)) return false;
    for (const auto& [image, digest] : host.images) {
      if (!image.starts_with('/')) known.insert(image);
    }
    any = true;
  }
  return any;
}

// No mistake: it may be copied there later; but until then nothing starts.
void image_warnings(const DesiredResource& desired, const std::vector<HostView>& hosts,
                    std::vector<std::string>& warnings) {
  if (desired.resource->ensure != Ensure::running) return;
  std::set<std::string> told;
  for (const Instance& instance : desired.instances) {
    std::set<std::string> known;
    if (told.contains(instance.image) || !nobody_has(instance, hosts, known)) continue;
    told.insert(instance.image);
    const auto near = manifests::nearest(instance.image, {known.begin(), known.end()});
    warnings.push_back(desired.type->name + "." + desired.resource->name.value + "." +
                       instance.roles.front().value + ": no host that may run it has the image '" +
                       instance.image + "'" + (near ? "; did you mean '" + *near + "'?" : ""));
  }
}

}  // namespace

Declared declared(const api::ApplyRequest& request, const Desired& desired,
                  const SiteAddresses& site, const World& world,
                  const std::function<std::string()>& fresh_secret) {
  Declared made;
  std::map<std::string, std::shared_ptr<const Type>> types;
  for (const auto& [name, files] : request.types) {
    auto read = read_type(files, "type " + name);
    if (!read.type) {
      made.mistakes.push_back("type " + name + " cannot be used by this version of the agent");
      continue;
    }
    const std::string digest = read.type->digest;
    made.type_files[digest] = files;
    types[digest] = std::make_shared<const Type>(std::move(*read.type));
  }
  const auto& known = desired.resources();
  std::set<std::string> taken;
  for (const Resource& resource : request.resources) {
    for (const auto& [role, slots] : resource.slots) {
      for (const Slot& slot : slots) taken.insert(slot.address);
    }
  }
  for (const Resource& resource : request.resources) {
    auto type = desired.type(resource.type_digest);
    if (const auto sent = types.find(resource.type_digest); sent != types.end()) {
      type = sent->second;
    }
    if (!type) {
      made.mistakes.push_back(resource.name.value + ": its type " + resource.type +
                              " did not come with it");
      continue;
    }
    Resource merged = resource;
    const auto before = known.find(resource.name);
    const Resource* stored = before == known.end() ? nullptr : before->second.resource.get();
    fill_secrets(merged, *type, stored, fresh_secret);
    if (stored != nullptr) {
      for (std::string& text : keep_scaled(*stored, merged, *type)) {
        made.warnings.push_back(std::move(text));
      }
      keep_leaving(*stored, merged, *type, taken);
    }
    made.resources.push_back(make_desired(
        std::make_shared<const Resource>(merged), type,
        before == known.end() ? std::map<RoleKey, Outputs>{} : before->second.outputs));
  }
  static const Places nowhere;
  const auto places_of = [&](const ResourceName& name) {
    const auto found = request.places.find(name.value);
    return found == request.places.end() ? &nowhere : &found->second;
  };
  std::map<ResourceName, Claimant> all;
  for (const auto& [name, resource] : known) all[name] = {resource.resource.get(), nullptr};
  for (const DesiredResource& resource : made.resources) {
    const Resource& changed = *resource.resource;
    const Places* places = places_of(changed.name);
    const auto before = known.find(changed.name);
    if (before != known.end() && before->second.resource->type != changed.type) {
      made.mistakes.push_back((places->title.empty() ? "" : places->title + ": ") +
                              changed.name.value + ": there is a " + before->second.resource->type +
                              " of this name; delete it first: agentctl delete " +
                              changed.name.value);
    }
    check_addresses(changed, *places, site, made.mistakes);
    all[changed.name] = {&changed, places};
  }
  std::vector<Claimant> claimants;
  for (const auto& [name, claimant] : all) {
    if (claimant.resource->ensure != Ensure::absent) claimants.push_back(claimant);
  }
  for (std::string& conflict : conflicts(claimants)) made.mistakes.push_back(std::move(conflict));
  for (const DesiredResource& resource : made.resources) {
    pool_warnings(*resource.resource, world.hosts, made.warnings);
    image_warnings(resource, world.hosts, made.warnings);
  }
  return made;
}

}  // namespace cierzo
