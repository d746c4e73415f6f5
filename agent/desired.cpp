#include "agent/desired.hpp"

#include <utility>

#include "agent/net/codec.hpp"
#include "resources/desired.hpp"

namespace cierzo {
namespace {

constexpr const char* resource_prefix = "resource/";
constexpr const char* type_prefix = "type/";
constexpr const char* breaker_prefix = "breaker/";
constexpr const char* outputs_prefix = "outputs/";

}  // namespace

std::string resource_key(const ResourceName& name) { return resource_prefix + name.value; }

std::string type_key(const std::string& digest) { return type_prefix + digest; }

std::string breaker_key(const BreakerKey& key) {
  return breaker_prefix + key.first.value + "/" + key.second.value;
}

std::string outputs_key(const RoleKey& key) {
  return outputs_prefix + key.first.value + "/" + key.second.value;
}

std::string held_instances_key(HostId host) {
  return "held-instances/" + std::to_string(host.value);
}

void Desired::update(const election::Catalog& catalog) {
  mistakes_.clear();
  unreadable_.clear();
  update_types(catalog);
  update_breakers(catalog);
  update_recovered(catalog);
  update_outputs(catalog);
  for (auto seen = seen_.begin(); seen != seen_.end();) {
    const auto now = catalog.entries.find(seen->first);
    const bool same = now != catalog.entries.end() && now->second == seen->second.bytes;
    if (same && seen->second.outputs == outputs_[seen->second.name]) {
      ++seen;
      continue;
    }
    resources_.erase(seen->second.name);
    seen = seen_.erase(seen);
  }
  const std::string prefix = resource_prefix;
  for (auto entry = catalog.entries.lower_bound(prefix);
       entry != catalog.entries.end() && entry->first.starts_with(prefix); ++entry) {
    if (seen_.contains(entry->first)) continue;
    update_resource(entry->first, entry->second);
  }
}

void Desired::update_types(const election::Catalog& catalog) {
  const std::string prefix = type_prefix;
  std::map<std::string, std::shared_ptr<const Type>> types;
  for (auto entry = catalog.entries.lower_bound(prefix);
       entry != catalog.entries.end() && entry->first.starts_with(prefix); ++entry) {
    const std::string digest = entry->first.substr(prefix.size());
    if (const auto known = types_.find(digest); known != types_.end()) {
      types.insert(*known);
      continue;
    }
    std::string error;
    const auto files = decode_type_files(entry->second, error);
    auto read = files ? read_type(*files, entry->first) : TypeRead{};
    if (!read.type) {
      mistakes_.push_back("catalog entry " + entry->first + ": " +
                          (files ? "it is no type that this version can use" : error));
      continue;
    }
    types.emplace(digest, std::make_shared<const Type>(std::move(*read.type)));
  }
  types_ = std::move(types);
}

// One that cannot be read is as if it were closed: its role is tried, and opens it anew.
void Desired::update_breakers(const election::Catalog& catalog) {
  breakers_.clear();
  const std::string prefix = breaker_prefix;
  for (auto entry = catalog.entries.lower_bound(prefix);
       entry != catalog.entries.end() && entry->first.starts_with(prefix); ++entry) {
    std::string error;
    auto breaker = decode_breaker(entry->second, error);
    if (!breaker) {
      mistakes_.push_back("catalog entry " + entry->first + ": " + error);
      continue;
    }
    breakers_[{breaker->instance, breaker->role}] = std::move(*breaker);
  }
}

// Of one that cannot be read it is as if nothing had been said: it is said again.
void Desired::update_outputs(const election::Catalog& catalog) {
  outputs_.clear();
  const std::string prefix = outputs_prefix;
  for (auto entry = catalog.entries.lower_bound(prefix);
       entry != catalog.entries.end() && entry->first.starts_with(prefix); ++entry) {
    std::string error;
    auto said = decode_outputs(entry->second, error);
    if (!said) {
      mistakes_.push_back("catalog entry " + entry->first + ": " + error);
      continue;
    }
    outputs_[said->resource][said->key] = std::move(said->outputs);
  }
}

void Desired::update_resource(const std::string& key, const std::string& bytes) {
  const ResourceName name{key.substr(std::string_view(resource_prefix).size())};
  const auto leave_out = [&](const std::string& why) {
    mistakes_.push_back(name.value + ": " + why + "; what runs of it is left alone");
    unreadable_.insert(name);
  };
  std::string error;
  auto resource = decode_resource(bytes, error);
  if (!resource) return leave_out("its catalog entry cannot be read: " + error);
  if (resource->name != name) {
    return leave_out("its catalog entry is that of " + resource->name.value);
  }
  const auto type = types_.find(resource->type_digest);
  if (type == types_.end()) {
    return leave_out("its type " + resource->type +
                     " is not in the catalog, or not usable; apply it again");
  }
  seen_[key] = {bytes, name, outputs_[name]};
  resources_.insert_or_assign(
      name, make_desired(std::make_shared<const Resource>(std::move(*resource)), type->second,
                         outputs_[name]));
}

std::vector<election::CatalogChange> Desired::settling(const ResourceName& name) const {
  if (!recovered_ || recovered_->settled.contains(name)) return {};
  return {{election::settled_key(name.value), std::string()}};
}

void Desired::update_recovered(const election::Catalog& catalog) {
  recovered_.reset();
  const auto since = election::first_term(catalog);
  if (!since) return;
  recovered_ = Recovered{*since, {}};
  const std::string prefix = election::settled_prefix;
  for (auto entry = catalog.entries.lower_bound(prefix);
       entry != catalog.entries.end() && entry->first.starts_with(prefix); ++entry)
    recovered_->settled.insert(ResourceName{entry->first.substr(prefix.size())});
}

std::shared_ptr<const Type> Desired::type(const std::string& digest) const {
  const auto found = types_.find(digest);
  return found == types_.end() ? nullptr : found->second;
}

std::vector<DesiredResource> Desired::list() const {
  std::vector<DesiredResource> list;
  list.reserve(resources_.size());
  for (const auto& [name, resource] : resources_) list.push_back(resource);
  return list;
}

std::set<InstanceName> held_instances(const election::Catalog& catalog, HostId host) {
  const auto entry = catalog.entries.find(held_instances_key(host));
  if (entry == catalog.entries.end()) return {};
  std::string error;
  const auto held = decode_held(entry->second, error);
  if (!held) return {};
  return {held->instances.begin(), held->instances.end()};
}

}  // namespace cierzo
