#include "resources/providers/libvirt_domains.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace cierzo::libvirt {
namespace {

ProcessName name_of(virDomainPtr domain) {
  std::array<char, VIR_UUID_STRING_BUFLEN> uuid{};
  virDomainGetUUIDString(domain, uuid.data());
  return {virDomainGetName(domain), uuid.data()};
}

RunState run_state_of(int state) {
  switch (static_cast<virDomainState>(state)) {
    case VIR_DOMAIN_NOSTATE:
    case VIR_DOMAIN_RUNNING:
    case VIR_DOMAIN_BLOCKED:
      return RunState::running;
    case VIR_DOMAIN_PAUSED:
    case VIR_DOMAIN_PMSUSPENDED:
      return RunState::paused;
    case VIR_DOMAIN_SHUTDOWN:
      return RunState::stopping;
    case VIR_DOMAIN_SHUTOFF:
      return RunState::shut_off;
    case VIR_DOMAIN_CRASHED:
      return RunState::crashed;
  }
  return RunState::running;  // A state that libvirt 9 does not have: it is there, so it may run.
}

// Ours, or none. Sets `error` where it could not be asked.
std::optional<DomainMetadata> metadata_of(virDomainPtr domain, Error& error) {
  const Text xml(virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, metadata_uri, 0));
  if (!xml) {
    error = last_error();
    if (error.code == VIR_ERR_NO_DOMAIN_METADATA) error = {};
    return std::nullopt;
  }
  return read_metadata(xml.get());
}

}  // namespace

Outcome outcome_of(Link& link, const Connection& connection, const Error& error,
                   const std::string& what) {
  const std::string text = what + ": " + error.text;
  if (link.failed(connection)) return {FailureKind::unreachable, text};
  switch (error.code) {
    case VIR_ERR_NO_DOMAIN:
      return {FailureKind::not_found, text};
    case VIR_ERR_AGENT_UNRESPONSIVE:
      return {FailureKind::unreachable, text};
    case VIR_ERR_OPERATION_TIMEOUT:
      return {FailureKind::timeout, text};
    default:
      return {FailureKind::other, text};
  }
}

std::optional<DomainFound> find_domain(Link& link, const Connection& connection,
                                       const std::string& name) {
  DomainFound found;
  found.handle.reset(virDomainLookupByName(connection.get(), name.c_str()));
  Error error;
  if (!found.handle) {
    error = last_error();
  } else {
    found.name = name_of(found.handle.get());
    const auto id = virDomainGetID(found.handle.get());
    found.id = static_cast<int>(id);
    found.metadata = metadata_of(found.handle.get(), error);
  }
  // It may have gone between the two calls.
  if (error.code == VIR_ERR_NO_DOMAIN) return std::nullopt;
  if (!found.handle || error.code != VIR_ERR_OK) {
    throw Refused{outcome_of(link, connection, error, "looking for " + name)};
  }
  return found;
}

std::optional<RunState> run_state(const Domain& domain) {
  int state = 0;
  if (virDomainGetState(domain.get(), &state, nullptr, 0) != 0) return std::nullopt;
  return run_state_of(state);
}

std::vector<DomainRow> DomainList::list(Link& link, const Connection& connection) {
  virDomainStatsRecordPtr* records = nullptr;
  // Without NOWAIT one hung hypervisor would block the answer about all of them. (TESTBED, 6)
  const int count = virConnectGetAllDomainStats(
      connection.get(), VIR_DOMAIN_STATS_STATE, &records,
      VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
  if (count < 0) throw Refused{outcome_of(link, connection, last_error(), "listing domains")};
  struct FreeRecords {
    void operator()(virDomainStatsRecordPtr* list) const { virDomainStatsRecordListFree(list); }
  };
  const std::unique_ptr<virDomainStatsRecordPtr, FreeRecords> freed(records);

  const std::lock_guard lock(mutex_);
  std::map<ProcessName, Known> seen;
  std::vector<DomainRow> rows;
  for (int i = 0; i < count; ++i) {
    const virDomainPtr domain = records[i]->dom;
    const auto name = name_of(domain);
    const int id = static_cast<int>(virDomainGetID(domain));
    auto known = known_.find(name);
    if (known == known_.end() || known->second.id != id) {
      Known fresh;
      Error error;
      fresh.id = id;
      fresh.metadata = metadata_of(domain, error);
      if (error.code == VIR_ERR_NO_DOMAIN) continue;  // Gone since the list was made.
      if (error.code != VIR_ERR_OK) {
        throw Refused{outcome_of(link, connection, error, "reading metadata of " + name.domain)};
      }
      fresh.memory_kib = virDomainGetMaxMemory(domain);
      fresh.vcpus = std::max(virDomainGetVcpusFlags(domain, VIR_DOMAIN_AFFECT_LIVE), 0);
      known = known_.insert_or_assign(name, std::move(fresh)).first;
    }
    virDomainRef(domain);
    known->second.handle = {domain, FreeDomain{}};
    int state = VIR_DOMAIN_NOSTATE;
    virTypedParamsGetInt(records[i]->params, records[i]->nparams, "state.state", &state);
    const Known& it = known->second;
    rows.push_back({name, it.metadata, run_state_of(state), it.memory_kib, it.vcpus});
    seen.emplace(name, it);
  }
  known_ = std::move(seen);
  return rows;
}

void DomainList::forget(const ProcessName& name) {
  const std::lock_guard lock(mutex_);
  known_.erase(name);
}

std::optional<DomainFound> DomainList::listed(const Connection& connection,
                                              const std::string& name) {
  std::unique_lock lock(mutex_);
  const auto at = known_.lower_bound({name, ""});
  if (at == known_.end() || at->first.domain != name || !at->second.handle) return std::nullopt;
  const Known known = at->second;
  const ProcessName key = at->first;
  lock.unlock();
  std::shared_ptr<virDomain> handle;
  for (const auto& one : {known.handle, known.other}) {
    if (one && virDomainGetConnect(one.get()) == connection.get()) handle = one;
  }
  if (!handle) {
    unsigned char uuid[VIR_UUID_BUFLEN];
    if (virDomainGetUUID(known.handle.get(), uuid) != 0) return std::nullopt;
    Domain found(virDomainLookupByUUID(connection.get(), uuid));
    if (!found) return std::nullopt;
    handle = std::move(found);
    lock.lock();
    if (const auto still = known_.find(key); still != known_.end()) still->second.other = handle;
    lock.unlock();
  }
  virDomainRef(handle.get());
  return DomainFound{Domain(handle.get()), key, known.id, known.metadata};
}

void DomainList::drop_handles() {
  const std::lock_guard lock(mutex_);
  for (auto& [name, known] : known_) {
    known.handle.reset();
    known.other.reset();
  }
}

}  // namespace cierzo::libvirt
