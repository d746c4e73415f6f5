#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "resources/providers/disks.hpp"
#include "resources/providers/libvirt.hpp"
#include "resources/providers/libvirt_domains.hpp"
#include "resources/providers/libvirt_guest.hpp"
#include "resources/providers/libvirt_link.hpp"

namespace cierzo {
namespace {

using namespace libvirt;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

// libvirt shows a domain for 0.2 to 1.8 s after its process has died, and its name is taken.
constexpr auto name_limit = 4s;
constexpr auto look_again = 5ms;
// Mostly it needs 20 to 210 ms by itself; being told to destroy costs 200 ms, so only then.
constexpr auto nudge_after = 300ms;
// Long enough for a healthy QEMU to close its disks, far less than the 10 s that libvirt waits.
constexpr auto kill_delay = 3s;
constexpr auto destroy_limit = 10s;

// Memory that could be given away now, of the machine.
std::uint64_t memory_available_kib() {
  std::ifstream in("/proc/meminfo");
  std::string word;
  std::uint64_t value = 0;
  while (in >> word) {
    if (word == "MemAvailable:" && in >> value) return value;
  }
  return 0;
}

bool is_file_name(const std::string& name) {
  return !name.empty() && name.front() != '.' && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos && name.size() <= 200;
}

class LibvirtProvider : public Provider {
 public:
  explicit LibvirtProvider(LibvirtConfig config)
      : config_(std::move(config)),
        test_driver_(config_.uri.starts_with("test:") || config_.uri.starts_with("test+")),
        virtualization_(test_driver_                       ? "test"
                        : config_.virtualization == "auto" ? detect_virtualization()
                                                           : config_.virtualization),
        disks_(config_.images_folder, config_.state_folder),
        events_(std::make_shared<EventSink>()),
        processes_(config_.process_folder,
                   [events = events_](const std::string& domain, const Incarnation& incarnation) {
                     events->emit(DomainEvent::What::died, domain, incarnation);
                   }),
        link_(config_.uri, events_) {}
  LibvirtProvider(const LibvirtProvider&) = delete;
  LibvirtProvider& operator=(const LibvirtProvider&) = delete;
  ~LibvirtProvider() override {
    events_->close();
    domains_.drop_handles();
  }

  Survey survey() override;
  bool has_image(const std::string& path) override;
  Outcome create(const StartVm& start) override;
  Outcome find_process(const InstanceName& name, const Incarnation& incarnation,
                       HypervisorProcess& found) override;
  Outcome run(const InstanceName& name, const Incarnation& incarnation) override;
  Outcome renew(const InstanceName& name, const Resume& resume) override;
  Outcome set_guest_clock(const InstanceName& name) override;
  Outcome shutdown(const InstanceName& name, const Incarnation& incarnation) override;
  Outcome destroy(const InstanceName& name, const Incarnation& incarnation) override;
  Outcome reset(const InstanceName& name, const Incarnation& incarnation) override;
  Outcome remove_disk(const InstanceName& name) override;
  bool guest_answers(const InstanceName& name) override;
  Outcome guest_start(const InstanceName& name, const GuestCommand& command,
                      GuestHandle& handle) override;
  GuestProgress guest_progress(const InstanceName& name, const GuestHandle& handle) override;
  void listen(std::function<void(DomainEvent)> listener) override {
    events_->listen(std::move(listener));
  }

 private:
  // Where exceptions end.
  template <class Work>
  static Outcome guarded(Work work) {
    try {
      work();
      return {};
    } catch (const Refused& refused) {
      return refused.outcome;
    } catch (const std::exception& error) {
      return {FailureKind::other, error.what()};
    }
  }

  [[noreturn]] void refuse_last(const Connection& connection, const std::string& what) {
    const auto error = last_error();
    throw Refused{outcome_of(link_, connection, error, what)};
  }

  // Ours with that incarnation, or Refused.
  [[nodiscard]] DomainFound must_find(const Connection& connection, const InstanceName& name,
                                      const Incarnation& incarnation);
  // Ours, or none: for what is asked many times a minute.
  [[nodiscard]] std::optional<DomainFound> find_guest(const Connection& connection,
                                                      const InstanceName& name);
  void resume_cpus(const Connection& connection, const DomainFound& domain);
  void fill_totals(Survey& survey, const Connection& connection,
                   const std::vector<DomainRow>& rows);
  [[nodiscard]] std::string xml_of(const StartVm& start) const;
  [[nodiscard]] bool name_is_dying(const DomainFound& domain);
  void wait_for_name(const Connection& connection, const InstanceName& name,
                     steady_clock::time_point until);
  void create_domain(const Connection& connection, const StartVm& start, const std::string& xml,
                     steady_clock::time_point until);

  const LibvirtConfig config_;
  const bool test_driver_;  // libvirt's own, whose host and domains are invented.
  const std::string virtualization_;
  const Disks disks_;
  const std::shared_ptr<EventSink> events_;
  std::mutex machine_mutex_;
  unsigned machine_of_ = 0;  // Of link_.opened(): when what follows was asked.
  virNodeInfo machine_{};
  DomainList domains_;
  ProcessWatch processes_;
  Link link_;  // Last: it ends first, and nothing calls back into what is gone.
};

DomainFound LibvirtProvider::must_find(const Connection& connection, const InstanceName& name,
                                       const Incarnation& incarnation) {
  auto found = find_domain(link_, connection, name.value);
  if (!found) throw Refused{{FailureKind::not_found, "there is no domain " + name.value}};
  if (!found->metadata || found->metadata->incarnation != incarnation) {
    throw Refused{{FailureKind::not_found,
                   found->metadata ? "the domain " + name.value + " has another incarnation"
                                   : "the domain " + name.value + " is not ours"}};
  }
  return std::move(*found);
}

// ---- Survey

Survey LibvirtProvider::survey() {
  Survey survey;
  survey.has_processes = !test_driver_;
  survey.outcome = guarded([&] {
    const auto connection = link_.get();
    auto rows = domains_.list(link_, connection);
    std::map<ProcessName, bool> shown;
    std::erase_if(rows, [&](const DomainRow& row) {
      if (!row.metadata) return false;
      shown[row.name] = true;
      processes_.follow(row.name, row.metadata->incarnation);
      // libvirt may show it for a while yet; the process is what ran, and it does not any more.
      return processes_.state(row.name) == ProcessState::dead;
    });
    for (const auto& row : rows) {
      if (row.metadata) {
        survey.domains.push_back(
            {*row.metadata, row.run, row.memory_kib, row.vcpus, processes_.process(row.name)});
      }
    }
    processes_.forget_dead_except(shown);
    survey.overlays = disks_.overlays();
    survey.disks_known = true;
    survey.images = disks_.images();
    fill_totals(survey, connection, rows);
  });
  if (survey.outcome.ok()) return survey;
  domains_.drop_handles();
  survey.disks_known = guarded([&] { survey.overlays = disks_.overlays(); }).ok();
  return survey;
}

void LibvirtProvider::fill_totals(Survey& survey, const Connection& connection,
                                  const std::vector<DomainRow>& rows) {
  {
    // The machine does not grow while a daemon lives: asked once for each.
    const std::lock_guard lock(machine_mutex_);
    const unsigned opened = link_.opened();
    if (machine_of_ != opened && virNodeGetInfo(connection.get(), &machine_) == 0) {
      machine_of_ = opened;
    }
    survey.memory_total_kib = machine_.memory;
    survey.cpus_total = static_cast<int>(machine_.cpus);
  }
  if (config_.capacity.memory_kib) survey.memory_total_kib = *config_.capacity.memory_kib;
  if (config_.capacity.cpus) survey.cpus_total = *config_.capacity.cpus;
  for (const auto& row : rows) {  // Of anybody: what is not ours takes room all the same.
    survey.memory_used_kib += row.memory_kib;
    survey.cpus_used += row.vcpus;
  }
  const auto available = memory_available_kib();
  if (!test_driver_ && survey.memory_total_kib > available) {
    // Never more left than what is really free: other programs need memory too.
    survey.memory_used_kib = std::max(survey.memory_used_kib, survey.memory_total_kib - available);
  }
}

bool LibvirtProvider::has_image(const std::string& path) {
  return !path.empty() && path.front() == '/' && guarded([&] { (void)disks_.find(path); }).ok();
}

// ---- Start

std::string LibvirtProvider::xml_of(const StartVm& start) const {
  const auto image = disks_.find(start.instance.image);
  DomainInput input;
  input.instance = start.instance;
  input.incarnation = start.incarnation;
  input.fresh_disk = start.fresh_disk;
  if (start.instance.disk == Disk::local) {
    disks_.prepare(start.instance.name, image, start.fresh_disk);
    input.fresh_disk = disks_.is_fresh(start.instance.name);
    input.disk_path = disks_.overlay_path(start.instance.name);
    input.disk_format = "qcow2";
  } else {
    input.disk_path = image.path;
    input.disk_format = image.format;
  }
  if (const auto* network = network_of(config_.networks, start.instance.address)) {
    input.bridge = network->bridge;
  }
  input.virtualization = virtualization_;
  input.console_log = disks_.console_path(start.instance.name);
  input.kernel = image.kernel;
  return domain_xml(input);
}

// Ours, and its process has died: it is only a name that libvirt has yet to free.
bool LibvirtProvider::name_is_dying(const DomainFound& domain) {
  processes_.follow(domain.name, domain.metadata->incarnation);
  return processes_.state(domain.name) == ProcessState::dead;
}

void LibvirtProvider::wait_for_name(const Connection& connection, const InstanceName& name,
                                    steady_clock::time_point until) {
  const auto nudge_from = steady_clock::now() + nudge_after;
  for (;;) {
    const auto found = find_domain(link_, connection, name.value);
    if (!found) return;
    const bool ours_and_dying = found->metadata && name_is_dying(*found);
    if (!ours_and_dying || steady_clock::now() > until) {
      throw Refused{{FailureKind::already_exists, "there is a domain " + name.value + " already"}};
    }
    // Makes libvirt look at the process. Whatever it answers, the next look decides.
    if (steady_clock::now() > nudge_from) virDomainDestroy(found->handle.get());
    // On the pool, until `until`.
    std::this_thread::sleep_for(look_again);  // libvirt sends no event when it frees a name.
  }
}

void LibvirtProvider::create_domain(const Connection& connection, const StartVm& start,
                                    const std::string& xml, steady_clock::time_point until) {
  const auto& name = start.instance.name;
  for (;;) {
    wait_for_name(connection, name, until);
    // Transient: neither libvirt nor a host that boots can start it by itself. (rule 13)
    // The test driver cannot create them paused; nothing runs there, so pausing after will do.
    const unsigned flags = test_driver_ ? 0 : VIR_DOMAIN_START_PAUSED;
    const Domain made(virDomainCreateXML(connection.get(), xml.c_str(), flags));
    if (made) {
      if (test_driver_) virDomainSuspend(made.get());
      return;
    }
    const auto refused = outcome_of(link_, connection, last_error(), "starting " + name.value);
    // What counts is what is there now, not what the error says: the name may still belong to the
    // one that died, or the domain may be there although the call failed.
    const auto found = find_domain(link_, connection, name.value);
    if (found && found->metadata && found->metadata->incarnation == start.incarnation) return;
    if (!found || !found->metadata || !name_is_dying(*found)) throw Refused{refused};
  }
}

Outcome LibvirtProvider::create(const StartVm& start) {
  return guarded([&] {
    const auto& name = start.instance.name;
    const auto until = steady_clock::now() + name_limit;
    if (!is_file_name(name.value)) {
      throw Refused{{FailureKind::other, "'" + name.value + "' cannot name a domain"}};
    }
    const auto connection = link_.get();
    wait_for_name(connection, name, until);  // Before the disk that it may still hold is touched.
    create_domain(connection, start, xml_of(start), until);
    const auto made = must_find(connection, name, start.incarnation);
    processes_.follow(made.name, start.incarnation);
  });
}

void LibvirtProvider::resume_cpus(const Connection& connection, const DomainFound& domain) {
  const auto before = run_state(domain.handle);
  if (before == RunState::running) return;
  const bool resumed = virDomainResume(domain.handle.get()) == 0;
  const auto error = resumed ? Error{} : last_error();
  if (resumed || run_state(domain.handle) == RunState::running) return;
  throw Refused{outcome_of(link_, connection, error, "resuming " + domain.name.domain)};
}

Outcome LibvirtProvider::find_process(const InstanceName& name, const Incarnation& incarnation,
                                      HypervisorProcess& found) {
  return guarded([&] {
    const auto connection = link_.get();
    const auto domain = must_find(connection, name, incarnation);
    processes_.follow(domain.name, incarnation);
    found = processes_.process(domain.name);
    if (found.pid != 0 || test_driver_) return;
    throw Refused{{FailureKind::other, "the process of " + name.value + " cannot be found: is " +
                                           config_.process_folder + " where libvirt keeps pids?"}};
  });
}

Outcome LibvirtProvider::run(const InstanceName& name, const Incarnation& incarnation) {
  return guarded([&] {
    const auto connection = link_.get();
    resume_cpus(connection, must_find(connection, name, incarnation));
  });
}

Outcome LibvirtProvider::renew(const InstanceName& name, const Resume& resume) {
  return guarded([&] {
    const auto connection = link_.get();
    const auto there = find_domain(link_, connection, name.value);
    // Asked again after an answer that was lost: the new incarnation is there already.
    if (there && there->metadata && there->metadata->incarnation == resume.incarnation) return;
    const auto found = must_find(connection, name, resume.paused);
    auto metadata = *found.metadata;
    metadata.incarnation = resume.incarnation;
    const auto xml = metadata_xml(metadata);
    if (virDomainSetMetadata(found.handle.get(), VIR_DOMAIN_METADATA_ELEMENT, xml.c_str(),
                             metadata_prefix, metadata_uri, VIR_DOMAIN_AFFECT_LIVE) != 0) {
      refuse_last(connection, "writing the incarnation of " + name.value);
    }
    domains_.forget(found.name);
    processes_.follow(found.name, resume.incarnation);
  });
}

// ---- Stop

Outcome LibvirtProvider::shutdown(const InstanceName& name, const Incarnation& incarnation) {
  return guarded([&] {
    const auto connection = link_.get();
    const auto found = must_find(connection, name, incarnation);
    const auto domain = found.handle.get();
    if (virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) != 0) {
      throw Refused{outcome_of(link_, connection, last_error(), "shutting down " + name.value)};
    }
    libvirt::ask_to_power_off(found);  // It may ignore the button and still have an agent.
  });
}

Outcome LibvirtProvider::destroy(const InstanceName& name, const Incarnation& incarnation) {
  return guarded([&] {
    const auto connection = link_.get();
    const auto until = steady_clock::now() + destroy_limit;
    for (bool first = true;; first = false) {
      const auto found = find_domain(link_, connection, name.value);
      // Another copy under this name, or somebody else's domain, is not the one that was meant.
      if (!found || !found->metadata || found->metadata->incarnation != incarnation) return;
      if (steady_clock::now() > until) {
        throw Refused{{FailureKind::timeout, name.value + " is not proven stopped"}};
      }
      if (first) {
        processes_.follow(found->name, incarnation);
        processes_.kill_after(found->name, kill_delay);
      } else {
        // On the pool, until the deadline above.
        std::this_thread::sleep_for(look_again);  // It is killed; libvirt has yet to see it.
      }
      virDomainDestroy(found->handle.get());  // Whatever it answers, the next look decides.
    }
  });
}

Outcome LibvirtProvider::reset(const InstanceName& name, const Incarnation& incarnation) {
  return guarded([&] {
    const auto connection = link_.get();
    const auto found = must_find(connection, name, incarnation);
    if (virDomainReset(found.handle.get(), 0) != 0) {
      refuse_last(connection, "resetting " + name.value);
    }
  });
}

Outcome LibvirtProvider::remove_disk(const InstanceName& name) {
  return guarded([&] {
    if (!is_file_name(name.value)) {
      throw Refused{{FailureKind::other, "'" + name.value + "' cannot name a disk"}};
    }
    const auto connection = link_.get();
    if (find_domain(link_, connection, name.value)) {
      throw Refused{{FailureKind::already_exists, "the domain " + name.value + " still exists"}};
    }
    disks_.remove(name);
  });
}

// ---- Guest

std::optional<DomainFound> LibvirtProvider::find_guest(const Connection& connection,
                                                       const InstanceName& name) {
  auto found = domains_.listed(connection, name.value);
  if (!found) found = find_domain(link_, connection, name.value);
  if (!found || !found->metadata) return std::nullopt;
  // libvirt would make the call wait until it has cleared the domain away.
  if (processes_.state(found->name) == ProcessState::dead) return std::nullopt;
  return found;
}

bool LibvirtProvider::guest_answers(const InstanceName& name) {
  bool answers = false;
  const auto asked = guarded([&] {
    const auto connection = link_.get();
    const auto found = find_guest(connection, name);
    answers = found && libvirt::guest_answers(*found);
  });
  return asked.ok() && answers;
}

Outcome LibvirtProvider::set_guest_clock(const InstanceName& name) {
  return guarded([&] {
    const auto connection = link_.get();
    const auto found = find_guest(connection, name);
    if (found && libvirt::set_guest_clock(*found)) return;
    throw Refused{
        {FailureKind::unreachable, "the guest agent of " + name.value + " did not set it"}};
  });
}

Outcome LibvirtProvider::guest_start(const InstanceName& name, const GuestCommand& command,
                                     GuestHandle& handle) {
  return guarded([&] {
    const auto connection = link_.get();
    const auto found = find_guest(connection, name);
    if (!found) {
      throw Refused{{FailureKind::not_found, "there is no domain " + name.value + " of ours"}};
    }
    handle = libvirt::guest_start(link_, connection, *found, command);
  });
}

GuestProgress LibvirtProvider::guest_progress(const InstanceName& name, const GuestHandle& handle) {
  GuestProgress progress;
  const auto outcome = guarded([&] {
    const auto connection = link_.get();
    const auto found = find_guest(connection, name);
    if (!found) {
      throw Refused{{FailureKind::not_found, "there is no domain " + name.value + " of ours"}};
    }
    progress = libvirt::guest_progress(link_, connection, *found, handle);
  });
  if (!outcome.ok()) progress.outcome = outcome;
  return progress;
}

}  // namespace

std::string detect_virtualization() {
  const int device = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (device < 0) return "qemu";
  close(device);
  std::ifstream in("/proc/cpuinfo");
  std::string word;
  while (in >> word) {
    if (word == "vmx" || word == "svm") return "kvm";
  }
  return "qemu";
}

std::unique_ptr<Provider> make_libvirt_provider(LibvirtConfig config) {
  return std::make_unique<LibvirtProvider>(std::move(config));
}

}  // namespace cierzo
