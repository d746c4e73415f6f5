// The desired state, as the catalog's entries say it. The catalog knows only bytes; here they
// become resources and types again, each decoded once.
//
//   resource/NAME       a Resource          type/DIGEST   the files of a type
//   breaker/INSTANCE/ROLE   a Breaker
//   held/ID             rule 14             held-instances/ID   what ran there
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

  // As plan() wants it: ordered by name.
  [[nodiscard]] std::vector<DesiredResource> list() const;

 private:
  void update_types(const election::Catalog& catalog);
  void update_breakers(const election::Catalog& catalog);
  void update_resource(const std::string& key, const std::string& bytes);

  struct Seen {
    std::string bytes;
    ResourceName name;
  };
  std::map<std::string, Seen> seen_;  // Key -> what it was made of.
  std::map<ResourceName, DesiredResource> resources_;
  std::map<std::string, std::shared_ptr<const Type>> types_;  // By digest.
  std::map<BreakerKey, Breaker> breakers_;
  std::vector<std::string> mistakes_;
  std::set<ResourceName> unreadable_;
};

// Of a host that is held: what it ran. Empty where nothing was written down.
[[nodiscard]] std::set<InstanceName> held_instances(const election::Catalog& catalog, HostId host);

}  // namespace cierzo
