#include "resources/providers/libvirt_link.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "resources/providers/libvirt_event_loop.hpp"

namespace cierzo::libvirt {
namespace {

using namespace std::chrono_literals;

constexpr int keepalive_seconds = 2, keepalive_count = 3;  // A hung daemon is given up after 8 s.
constexpr int hung_seconds = 1, hung_count = 1;            // And calls that wait for it 2 s later.
constexpr auto retry_first = 100ms, retry_most = 2000ms;

}  // namespace

struct LinkState {
  std::string uri;
  std::shared_ptr<EventSink> sink;

  mutable std::mutex mutex;
  std::condition_variable changed;
  bool stop = false, ended = false;
  Connection connection;    // Events come by it. Null: none, or given up.
  bool in_process = false;  // It is no connection at all, but a driver in this process (test).
  unsigned opened = 0;
  std::vector<Connection> idle;           // For calls: nobody has them now.
  std::map<virConnectPtr, bool> in_call;  // Somebody has them; true: never to be used again.
  std::string error = "not connected yet";
};

namespace {

using What = DomainEvent::What;

// What a callback may hold: of the sink only, so that nothing of libvirt is freed on its thread.
std::shared_ptr<EventSink>* share(const std::shared_ptr<EventSink>& sink) {
  return new std::shared_ptr<EventSink>(sink);
}
void free_share(void* opaque) { delete static_cast<std::shared_ptr<EventSink>*>(opaque); }
EventSink& sink_of(void* opaque) { return **static_cast<std::shared_ptr<EventSink>*>(opaque); }

// Runs on libvirt's event thread: copies the name, sends, returns (TRAPS L5).
void on_lifecycle(virConnectPtr, virDomainPtr domain, int event, int, void* opaque) {
  const char* name = virDomainGetName(domain);
  switch (static_cast<virDomainEventType>(event)) {
    case VIR_DOMAIN_EVENT_STARTED:
      return sink_of(opaque).emit(What::started, name);
    case VIR_DOMAIN_EVENT_STOPPED:
    case VIR_DOMAIN_EVENT_SHUTDOWN:
    case VIR_DOMAIN_EVENT_CRASHED:
      return sink_of(opaque).emit(What::stopped, name);
    case VIR_DOMAIN_EVENT_SUSPENDED:
    case VIR_DOMAIN_EVENT_PMSUSPENDED:
      return sink_of(opaque).emit(What::paused, name);
    case VIR_DOMAIN_EVENT_RESUMED:
      return sink_of(opaque).emit(What::resumed, name);
    case VIR_DOMAIN_EVENT_DEFINED:  // Of persistent domains, which are not ours.
    case VIR_DOMAIN_EVENT_UNDEFINED:
      return;
  }
}

void on_agent(virConnectPtr, virDomainPtr domain, int state, int, void* opaque) {
  const bool connected = state == VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED;
  sink_of(opaque).emit(connected ? What::guest_connected : What::guest_gone,
                       virDomainGetName(domain));
}

// What is registered on one connection, to be taken back before it is closed.
class Registrations {
 public:
  Registrations(virConnectPtr connection, const std::shared_ptr<EventSink>& sink)
      : connection_(connection) {
    add(VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), sink);
    // The test driver has no guest agents: it refuses, and nothing is missed.
    add(VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_agent), sink);
  }
  Registrations(const Registrations&) = delete;
  Registrations& operator=(const Registrations&) = delete;
  ~Registrations() {
    for (const int id : ids_) virConnectDomainEventDeregisterAny(connection_, id);
  }

 private:
  void add(int event, virConnectDomainEventGenericCallback callback,
           const std::shared_ptr<EventSink>& sink) {
    auto* opaque = share(sink);
    const int id =
        virConnectDomainEventRegisterAny(connection_, nullptr, event, callback, opaque, free_share);
    if (id < 0) {
      free_share(opaque);
    } else {
      ids_.push_back(id);
    }
  }

  virConnectPtr connection_;
  std::vector<int> ids_;
};

}  // namespace

namespace {

using State = std::shared_ptr<LinkState>;

void lost(LinkState& state) {  // With the mutex held.
  state.connection.reset();
  state.error = "the connection to libvirtd broke";
  state.changed.notify_all();
}

void on_close(virConnectPtr, int, void* opaque) {
  if (const auto state = static_cast<std::weak_ptr<LinkState>*>(opaque)->lock()) {
    const std::lock_guard lock(state->mutex);
    lost(*state);
  }
}

void free_weak(void* opaque) { delete static_cast<std::weak_ptr<LinkState>*>(opaque); }

Connection open(const std::string& uri) {
  return {virConnectOpen(uri.c_str()), [](virConnectPtr closing) {
            if (closing != nullptr) virConnectClose(closing);
          }};
}

void give_back(LinkState& state, Connection connection) {
  {
    const std::lock_guard lock(state.mutex);
    const bool tainted = state.in_call.extract(connection.get()).mapped();
    if (!tainted && !state.stop && virConnectIsAlive(connection.get()) == 1) {
      return state.idle.push_back(std::move(connection));
    }
  }
  connection.reset();  // Closing is a call: not under the mutex.
}

Connection lend(const State& state, Connection connection) {
  const virConnectPtr raw = connection.get();
  {
    const std::lock_guard lock(state->mutex);
    state->in_call[raw] = false;
  }
  return {raw, [state, connection = std::move(connection)](virConnectPtr) mutable {
            give_back(*state, std::move(connection));
          }};
}

// The daemon hangs, or is gone: calls that wait for it must end. A keepalive does that, and taints
// the connection.
void end_calls(LinkState& state) {  // With the mutex held.
  for (auto& [connection, tainted] : state.in_call) {
    tainted = true;
    virConnectSetKeepAlive(connection, hung_seconds, hung_count);
  }
}

// Keeps one connection from its opening to its loss. False: it could not be opened.
bool serve(const State& state) {
  const Connection connection = open(state->uri);
  if (!connection) {
    auto error = last_error();
    const std::lock_guard lock(state->mutex);
    state->error = std::move(error.text);
    return false;
  }
  // Drivers inside this process (test) have no keepalive and no close callback, and cannot hang.
  auto* weak = new std::weak_ptr<LinkState>(state);
  const bool watched =
      virConnectRegisterCloseCallback(connection.get(), on_close, weak, free_weak) == 0;
  if (!watched) free_weak(weak);
  {
    const Registrations registrations(connection.get(), state->sink);
    // Behind the calls above: no message of its own may come in between.
    virConnectSetKeepAlive(connection.get(), keepalive_seconds, keepalive_count);
    std::unique_lock lock(state->mutex);
    state->connection = connection;
    state->in_process = !watched;
    ++state->opened;
    if (virConnectIsAlive(connection.get()) == 0) lost(*state);  // Before the callback was there.
    lock.unlock();
    state->sink->emit(What::hypervisor_back);
    lock.lock();
    state->changed.wait(lock, [&] { return state->stop || !state->connection; });
    state->connection.reset();
    end_calls(*state);
    lock.unlock();
    state->sink->emit(What::hypervisor_gone);
  }
  if (watched) virConnectUnregisterCloseCallback(connection.get(), on_close);
  return true;
}

// The thread: its state may outlive the Link, and the event loop outlives its connections.
void keep(const State& state) {
  const auto loop = event_loop();
  auto pause = std::chrono::milliseconds(retry_first);
  std::unique_lock lock(state->mutex);
  while (!state->stop) {
    lock.unlock();
    const bool served = serve(state);
    lock.lock();
    if (served) {
      pause = retry_first;
    } else {
      state->changed.wait_for(lock, pause, [&] { return state->stop; });
      pause = std::min<std::chrono::milliseconds>(pause * 2, retry_most);
    }
  }
  // Closing them is a call, which must end also where the daemon hangs.
  const auto idle = std::exchange(state->idle, {});
  lock.unlock();
  for (const Connection& each : idle) {
    virConnectSetKeepAlive(each.get(), hung_seconds, hung_count);
  }
}

}  // namespace

Link::Link(std::string uri, std::shared_ptr<EventSink> sink)
    : state_(std::make_shared<LinkState>()) {
  state_->uri = std::move(uri);
  state_->sink = std::move(sink);
  std::thread([state = state_] {
    keep(state);
    const std::lock_guard lock(state->mutex);
    state->ended = true;
    state->changed.notify_all();
  }).detach();
}

Link::~Link() {
  std::unique_lock lock(state_->mutex);
  state_->stop = true;
  state_->changed.notify_all();
  state_->changed.wait_for(lock, 1s, [&] { return state_->ended; });
}

Connection Link::get() const {
  const auto unreachable = [this](const std::string& why) {
    return Refused{
        {FailureKind::unreachable, "libvirtd at " + state_->uri + " cannot be reached: " + why}};
  };
  std::vector<Connection> dead;  // Closed behind the mutex.
  std::unique_lock lock(state_->mutex);
  if (!state_->connection) throw unreachable(state_->error);
  if (state_->in_process) return state_->connection;
  while (!state_->idle.empty()) {
    Connection last = std::move(state_->idle.back());  // The busiest: others stay untouched.
    state_->idle.pop_back();
    if (virConnectIsAlive(last.get()) == 1) {
      lock.unlock();
      return lend(state_, std::move(last));
    }
    dead.push_back(std::move(last));
  }
  lock.unlock();
  Connection made = open(state_->uri);
  if (!made) throw unreachable(last_error().text);
  return lend(state_, std::move(made));
}

unsigned Link::opened() const {
  const std::lock_guard lock(state_->mutex);
  return state_->opened;
}

bool Link::failed(const Connection& connection) {
  if (virConnectIsAlive(connection.get()) != 0) return false;
  const std::lock_guard lock(state_->mutex);
  if (state_->connection == connection) lost(*state_);
  return true;
}

}  // namespace cierzo::libvirt
