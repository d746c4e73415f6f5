#include "tests/providers/bed.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "resources/providers/libvirt.hpp"
#include "resources/providers/program.hpp"
#include "resources/providers/simulated.hpp"

namespace cierzo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class SimulatedBed : public Bed {
 public:
  SimulatedBed() : provider_({}, [this] { return now_; }) {
    provider_.listen([this](const DomainEvent& event) { note(event); });
  }
  Provider& provider() override { return provider_; }
  bool wait(const std::function<bool()>& is_so, int seconds) override {
    for (int i = 0; i < seconds * 20; ++i) {
      if (is_so()) return true;
      now_ += 50ms;
      provider_.tick();
    }
    return is_so();
  }
  bool has_guests() const override { return true; }
  void kill_process(const InstanceName& name) override { provider_.crash(name); }

 private:
  Time now_{};
  SimulatedProvider provider_;
};

class LibvirtBed : public Bed {
 public:
  LibvirtBed(const std::string& uri, std::string images) {
    std::string folder = (fs::temp_directory_path() / "cierzo-provider-XXXXXX").string();
    folder_ = mkdtemp(folder.data());
    LibvirtConfig config;
    config.uri = uri;
    config.state_folder = folder_ / "state";
    // As the agent's store leaves it: QEMU may run as a user that can only pass through.
    for (const auto& passed : {folder_, folder_ / "state"}) {
      fs::create_directories(passed);
      fs::permissions(passed, fs::perms(0711));
    }
    config.images_folder = images;
    real_ = !images.empty();
    if (!real_) {  // The test driver looks at no disk; an empty one will do.
      config.images_folder = folder_ / "images";
      fs::create_directories(config.images_folder);
      const auto image = config.images_folder + "/mini.qcow2";
      (void)run_program({"qemu-img", "create", "-q", "-f", "qcow2", image, "1M"}, 10s);
    }
    config.networks = {{"guests", "10.77.0.0/16", "br0", "10.77.0.1", {}}};
    provider_ = make_libvirt_provider(config);
    provider_->listen([this](const DomainEvent& event) { note(event); });
    (void)LibvirtBed::wait([this] { return provider_->survey().outcome.ok(); }, 10);
  }
  ~LibvirtBed() override {
    for (const auto& domain : provider_->survey().domains) {
      (void)provider_->destroy(domain.metadata.instance, domain.metadata.incarnation);
    }
    provider_.reset();
    std::error_code error;
    fs::remove_all(folder_, error);
  }
  Provider& provider() override { return *provider_; }
  bool wait(const std::function<bool()>& is_so, int seconds) override {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (!is_so()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(
          5ms);  // Between two looks; the condition or the deadline decides.
    }
    return true;
  }
  bool has_guests() const override { return real_; }
  void kill_process(const InstanceName& name) override {
    std::ifstream in("/run/libvirt/qemu/" + name.value + ".pid");
    pid_t pid = 0;
    if (in >> pid && pid > 1) kill(pid, SIGKILL);
  }

 private:
  fs::path folder_;
  bool real_ = false;
  std::unique_ptr<Provider> provider_;
};

const char* word_of(DomainEvent::What what) {
  constexpr std::array words = {"started",    "stopped",         "died",
                                "paused",     "resumed",         "guest_connected",
                                "guest_gone", "hypervisor_gone", "hypervisor_back"};
  return words.at(static_cast<std::size_t>(what));
}

}  // namespace

void Bed::note(const DomainEvent& event) {
  const std::lock_guard lock(mutex_);
  const std::string word = word_of(event.what);
  events_.push_back(event.instance.value.empty() ? word : word + " " + event.instance.value);
}

std::vector<std::string> Bed::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

bool Bed::saw(const std::string& event) const {
  const auto all = events();
  return std::find(all.begin(), all.end(), event) != all.end();
}

std::unique_ptr<Bed> make_bed(BedKind kind, std::string& why) {
  if (kind == BedKind::simulated) return std::make_unique<SimulatedBed>();
  if (kind == BedKind::test_driver) return std::make_unique<LibvirtBed>("test:///default", "");
  const char* const uri = std::getenv("CIERZO_TEST_HYPERVISOR");
  const char* const images = std::getenv("CIERZO_TEST_IMAGES");
  if (uri == nullptr || images == nullptr) {
    why =
        "not run: CIERZO_TEST_HYPERVISOR and CIERZO_TEST_IMAGES name no real QEMU; "
        "see tests/providers/with_libvirtd";
    return nullptr;
  }
  return std::make_unique<LibvirtBed>(uri, images);
}

StartVm start_of(int position, std::uint64_t sequence) {
  StartVm start;
  auto& instance = start.instance;
  instance.name = {"test-node-" + std::to_string(position)};
  instance.resource = {"test"};
  instance.roles = {{"node"}};
  instance.positions = {position};
  instance.address = "10.77.1." + std::to_string(position);
  instance.mac = "52:54:00:4d:01:0" + std::to_string(position % 10);
  instance.image = "mini.qcow2";
  instance.memory_kib = 112 * 1024;
  instance.spec_digest = "spec";
  start.incarnation = {{3, {1}}, sequence};
  return start;
}

}  // namespace cierzo
