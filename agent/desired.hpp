// The desired state, as the catalog's entries say it. The catalog knows only bytes; here they
// become resources and types again, each decoded once.
//
//   resource/NAME       a Resource          type/DIGEST   the files of a type
//   breaker/INSTANCE/ROLE   a Breaker       outputs/INSTANCE/ROLE   what it said about itself
//   held/ID             rule 14             held-instances/ID   what ran there, if it is held
//   settled/NAME        rule 22: declared, or deleted, since the site was recovered
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "election/catalog.hpp"
#include "resources/world.hpp"

namespace cierzo {

[[nodiscard]] std::string resource_key(const ResourceName& name);
[[nodiscard]] std::string type_key(const std::string& digest);
[[nodiscard]] std::string breaker_key(const BreakerKey& key);
[[nodiscard]] std::string outputs_key(const RoleKey& key);
[[nodiscard]] std::string held_instances_key(HostId host);

class Desired {
 public:
  // Brings this up to what the catalog holds; entries that are as they were are not decoded again.
  // What cannot be decoded is a mistake of ours or another version's: it is left out, and named in
  // mistakes() and unreadable().
  void update(const election::Catalog& catalog);

  [[nodiscard]] const std::map<ResourceName, DesiredResource>& resources() const {
    return resources_;
  }
  [[nodiscard]] std::shared_ptr<const Type> type(const std::string& digest) const;
  [[nodiscard]] const std::vector<std::string>& mistakes() const { return mistakes_; }
  // Resources that the catalog declares and that are left out: what runs of them is not undeclared.
  [[nodiscard]] const std::set<ResourceName>& unreadable() const { return unreadable_; }

  [[nodiscard]] const std::map<BreakerKey, Breaker>& breakers() const { return breakers_; }
  // Where the site was recovered: since when, and what has been said since. (rule 22)
  [[nodiscard]] const std::optional<Recovered>& recovered() const { return recovered_; }
  // What is stored with an administrator's word on that resource, so that what it does not declare
  // counts as not wanted. Nothing where that is so already. (rule 22)
  [[nodiscard]] std::vector<election::CatalogChange> settling(const ResourceName& name) const;

  // As plan() wants it: ordered by name.
  [[nodiscard]] std::vector<DesiredResource> list() const;

 private:
  void update_types(const election::Catalog& catalog);
  void update_breakers(const election::Catalog& catalog);
  void update_outputs(const election::Catalog& catalog);
  void update_resource(const std::string& key, const std::string& bytes);
  void update_recovered(const election::Catalog& catalog);

  struct Seen {
    std::string bytes;
    ResourceName name;
    std::map<RoleKey, Outputs> outputs;
  };
  std::map<std::string, Seen> seen_;  // Key -> what it was made of.
  std::map<ResourceName, DesiredResource> resources_;
  std::map<std::string, std::shared_ptr<const Type>> types_;  // By digest.
  std::map<BreakerKey, Breaker> breakers_;
  std::map<ResourceName, std::map<RoleKey, Outputs>> outputs_;
  std::vector<std::string> mistakes_;
  std::set<ResourceName> unreadable_;
  std::optional<Recovered> recovered_;
};

// Of a host that is held: what it ran. Empty where nothing was written down.
[[nodiscard]] std::set<InstanceName> held_instances(const election::Catalog& catalog, HostId host);

}  // namespace cierzo
