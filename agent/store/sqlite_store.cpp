#include "agent/store/sqlite_store.hpp"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "agent/asio.hpp"
#include "agent/store/database.hpp"

namespace cierzo {
namespace {

// More than a loop can leave waiting for one sync: a bound, so that one transaction stays short.
constexpr std::size_t batches_in_transaction_max = 256;

}  // namespace

class SqliteStore::Impl {
 public:
  Impl(asio::io_context& io, const std::string& folder, const std::string& boot, Failed failed)
      : io_(io),
        failed_(std::move(failed)),
        lock_(folder),
        database_(folder),
        loaded_(database_.read()) {
    database_.note_boot(boot);
    writer_ = std::thread([this] { run(); });
  }

  ~Impl() {
    {
      const std::lock_guard guard(mutex_);
      closing_ = true;
    }
    wake_.notify_one();
    writer_.join();
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] const StoredState& loaded() const { return loaded_; }

  void commit(Batch batch, std::function<void()> done) {
    {
      const std::lock_guard guard(mutex_);
      if (failed_once_) return;
      waiting_.push_back({std::move(batch), std::move(done)});
    }
    wake_.notify_one();
  }

 private:
  struct Waiting {
    Batch batch;
    std::function<void()> done;
  };

  // The writer thread: alone with the database once the constructor is through.
  void run() {
    while (true) {
      std::vector<Waiting> taken = take();
      if (taken.empty()) return;
      std::vector<Batch> batches;
      for (Waiting& one : taken) batches.push_back(std::move(one.batch));
      try {
        database_.write(batches);
      } catch (const std::exception& error) {
        fail(error.what());
        return;
      }
      asio::post(io_, [taken = std::move(taken)] {
        for (const Waiting& one : taken) one.done();
      });
    }
  }

  // Waits for something to write; nothing: the store is closing and everything is written.
  std::vector<Waiting> take() {
    std::unique_lock guard(mutex_);
    wake_.wait(guard, [this] { return closing_ || !waiting_.empty(); });
    std::vector<Waiting> taken;
    if (waiting_.size() <= batches_in_transaction_max) return std::exchange(waiting_, {});
    const auto end = waiting_.begin() + batches_in_transaction_max;
    taken.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
    return taken;
  }

  void fail(const std::string& why) {
    {
      const std::lock_guard guard(mutex_);
      failed_once_ = true;
      waiting_.clear();
    }
    asio::post(io_, [failed = failed_, why] {
      failed("cannot write the state: " + why + "; is the disk full or read-only?");
    });
  }

  asio::io_context& io_;
  const Failed failed_;
  StateLock lock_;
  Database database_;
  const StoredState loaded_;

  std::mutex mutex_;  // Of what follows.
  std::condition_variable wake_;
  std::vector<Waiting> waiting_;
  bool closing_ = false;
  bool failed_once_ = false;

  std::thread writer_;
};

SqliteStore::SqliteStore(boost::asio::io_context& io, const std::string& folder,
                         const std::string& boot, Failed failed)
    : impl_(std::make_unique<Impl>(io, folder, boot, std::move(failed))) {}

SqliteStore::~SqliteStore() = default;

const StoredState& SqliteStore::loaded() const { return impl_->loaded(); }

void SqliteStore::commit(Batch batch, std::function<void()> done) {
  impl_->commit(std::move(batch), std::move(done));
}

}  // namespace cierzo
