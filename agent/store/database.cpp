#include "agent/store/database.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "agent/net/codec.hpp"

namespace cierzo {
namespace {

constexpr int schema_version = 1;

// Others may pass through to what they know the name of, not look around.
constexpr mode_t folder_mode = S_IRWXU | S_IXGRP | S_IXOTH;

// What `meta` holds, by key.
constexpr const char* key_schema = "schema";
constexpr const char* key_record = "record";  // encode_record
constexpr const char* key_catalog_stamp = "catalog_stamp";
constexpr const char* key_command_mark = "command_mark";
constexpr const char* key_last_boot = "last_boot";

constexpr const char* tables = R"(
CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE catalog(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE unfinished(counter INTEGER, owner INTEGER, number INTEGER, command BLOB NOT NULL,
                        PRIMARY KEY(counter, owner, number)) WITHOUT ROWID;
)";

std::string because() { return std::strerror(errno); }

// Stamps are text, "counter.owner.sequence": an administrator may look at them.
std::string text_of(const Stamp& stamp) {
  return std::to_string(stamp.term.counter) + "." + std::to_string(stamp.term.owner.value) + "." +
         std::to_string(stamp.sequence);
}

Stamp stamp_of(const std::string& text) {
  Stamp stamp;
  if (text.empty()) return stamp;
  unsigned long long counter = 0;
  unsigned long long sequence = 0;
  unsigned int owner = 0;
  char more = 0;
  if (std::sscanf(text.c_str(), "%llu.%u.%llu%c", &counter, &owner, &sequence, &more) != 3) {
    throw StoreError("'" + text + "' is no stamp");
  }
  return {{counter, HostId{owner}}, sequence};
}

// SQLite's integers are signed; as bits they hold every value of ours.
std::int64_t bits(std::uint64_t number) { return static_cast<std::int64_t>(number); }

template <class Value>
Value sound(std::optional<Value> value, const std::string& error) {
  if (!value) throw StoreError(error);
  return std::move(*value);
}

// Ours alone, whatever mode it has: a copy that an administrator put back may be readable to all.
void keep_to_ourselves(const std::string& path) {
  if (::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0 && errno != ENOENT) {
    throw StoreError("cannot protect " + path + ": " + because());
  }
}

[[noreturn]] void refuse_torn(const std::string& path, const std::string& why) {
  throw StoreError(path + " cannot be used: " + why +
                   ". What this host promised is in it, so nothing is guessed and no older copy "
                   "may take its place. "
                   "Move the folder away: then the host joins again as one that has no state");
}

}  // namespace

StateLock::StateLock(const std::string& folder) {
  if (::mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    throw StoreError("cannot make the state folder " + folder + ": " + because());
  }
  // The database holds secrets of resources. The folder cannot keep them: QEMU runs as a user of
  // its own and must pass through here to the disks. So the files do, and before the folder is
  // opened.
  for (const char* file : {"/lock", "/state.db", "/state.db-wal", "/state.db-shm"}) {
    keep_to_ourselves(folder + file);
  }
  if (::chmod(folder.c_str(), folder_mode) != 0) {
    throw StoreError("cannot protect the state folder " + folder + ": " + because());
  }
  const std::string path = folder + "/lock";
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd_ < 0) throw StoreError("cannot open " + path + ": " + because());
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = {};
    const ssize_t got = ::pread(fd_, holder, sizeof holder - 1, 0);
    ::close(fd_);
    const std::string pid = got > 0 ? std::string(holder, std::strcspn(holder, "\n")) : "unknown";
    throw StoreError(folder + " is in use by process " + pid +
                     ": one agent at a time; stop that one, or give this one another `state:`");
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd_, 0) != 0 ||
      ::pwrite(fd_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    const std::string why = because();
    ::close(fd_);
    throw StoreError("cannot write " + path + ": " + why);
  }
}

StateLock::~StateLock() { ::close(fd_); }

bool Database::make(const std::string& folder) {
  const std::string path = folder + "/state.db";
  const std::string fresh = path + ".new";
  if (::access(path.c_str(), F_OK) == 0) return false;
  try {
    ::unlink(fresh.c_str());
    // Made here, not by SQLite, for its mode; the files that SQLite adds (-wal, -shm) take it over.
    const int fd = ::open(fresh.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) throw StoreError("cannot make " + fresh + ": " + because());
    ::close(fd);
    SQLite::Database database(fresh, SQLite::OPEN_READWRITE);
    database.exec(tables);
    SQLite::Statement version(database, "INSERT INTO meta VALUES(?, ?)");
    version.bind(1, key_schema);
    version.bind(2, std::to_string(schema_version));
    version.exec();
  } catch (const SQLite::Exception& error) {
    throw StoreError("cannot make " + fresh + ": " + error.what());
  }
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool named =
      ::rename(fresh.c_str(), path.c_str()) == 0 && directory >= 0 && ::fsync(directory) == 0;
  if (directory >= 0) ::close(directory);
  if (!named) throw StoreError("cannot make " + path + ": " + because());
  return true;
}

Database::Database(const std::string& folder)
    : path_(folder + "/state.db"), created_(make(folder)), database_(open(path_)) {
  try {
    database_.exec("PRAGMA journal_mode=WAL");
    database_.exec("PRAGMA synchronous=FULL");  // Each commit is synced before anybody is told.
    const std::string healthy = database_.execAndGet("PRAGMA integrity_check(1)").getString();
    if (healthy != "ok") refuse_torn(path_, healthy);
    const std::string version = get(key_schema);
    if (version != std::to_string(schema_version)) {
      throw StoreError(path_ + " is of version '" + version + "', this program knows version " +
                       std::to_string(schema_version) +
                       ": use the program that wrote it, or a newer one");
    }
  } catch (const SQLite::Exception& error) {
    refuse_torn(path_, error.what());
  }
}

SQLite::Database Database::open(const std::string& path) {
  try {
    return SQLite::Database(path, SQLite::OPEN_READWRITE);
  } catch (const SQLite::Exception& error) {
    throw StoreError(path + " cannot be opened: " + error.what());
  }
}

StoredState Database::read() {
  StoredState state;
  state.created = created_;
  std::string error;
  try {
    state.last_boot = get(key_last_boot);
    if (const std::string record = get(key_record); !record.empty()) {
      state.durable.record = sound(decode_record(record, error), error);
    }
    state.durable.catalog.stamp = stamp_of(get(key_catalog_stamp));
    SQLite::Statement entries(database_, "SELECT key, value FROM catalog");
    while (entries.executeStep()) {
      state.durable.catalog.entries.emplace(entries.getColumn(0).getString(),
                                            entries.getColumn(1).getString());
    }
    state.command_mark = stamp_of(get(key_command_mark));
    SQLite::Statement commands(database_, "SELECT command FROM unfinished");
    while (commands.executeStep()) {
      state.unfinished.push_back(
          sound(decode_command(commands.getColumn(0).getString(), error), error));
    }
  } catch (const SQLite::Exception& failure) {
    refuse_torn(path_, failure.what());
  } catch (const StoreError& failure) {
    refuse_torn(path_, failure.what());
  }
  std::sort(state.unfinished.begin(), state.unfinished.end(),
            [](const Command& a, const Command& b) { return a.id < b.id; });
  return state;
}

void Database::note_boot(const std::string& boot) {
  try {
    SQLite::Transaction transaction(database_);
    set(key_last_boot, boot);
    transaction.commit();
  } catch (const SQLite::Exception& error) {
    throw StoreError(path_ + " cannot be written: " + error.what());
  }
}

void Database::write(const std::vector<Batch>& batches) {
  SQLite::Transaction transaction(database_);
  for (const Batch& batch : batches) write(batch);
  transaction.commit();
}

void Database::write(const Batch& batch) {
  if (batch.persist.record) set(key_record, encode_record(*batch.persist.record));
  if (batch.persist.catalog) write_catalog(*batch.persist.catalog);
  for (const Command& command : batch.received) {
    SQLite::Statement insert(database_, "INSERT OR REPLACE INTO unfinished VALUES(?, ?, ?, ?)");
    const std::string bytes = encode_command(command);
    insert.bind(1, bits(command.id.term.counter));
    insert.bind(2, command.id.term.owner.value);
    insert.bind(3, bits(command.id.sequence));
    insert.bind(4, bytes.data(), static_cast<int>(bytes.size()));
    insert.exec();
    // The mark only rises, whatever order the caller has. (rule 17)
    if (stamp_of(get(key_command_mark)) < command.id) set(key_command_mark, text_of(command.id));
  }
  for (const Stamp& id : batch.finished) {
    SQLite::Statement remove(database_,
                             "DELETE FROM unfinished WHERE counter=? AND owner=? AND number=?");
    remove.bind(1, bits(id.term.counter));
    remove.bind(2, id.term.owner.value);
    remove.bind(3, bits(id.sequence));
    remove.exec();
  }
}

void Database::write_catalog(const election::CatalogDelta& delta) {
  if (delta.whole) database_.exec("DELETE FROM catalog");
  for (const election::CatalogChange& change : delta.changes) {
    if (change.value) {
      SQLite::Statement put(database_, "INSERT OR REPLACE INTO catalog VALUES(?, ?)");
      put.bind(1, change.key);
      put.bind(2, change.value->data(), static_cast<int>(change.value->size()));
      put.exec();
    } else {
      SQLite::Statement remove(database_, "DELETE FROM catalog WHERE key=?");
      remove.bind(1, change.key);
      remove.exec();
    }
  }
  set(key_catalog_stamp, text_of(delta.stamp));
}

void Database::set(const char* key, const std::string& value) {
  SQLite::Statement put(database_, "INSERT OR REPLACE INTO meta VALUES(?, ?)");
  put.bind(1, key);
  put.bind(2, value.data(), static_cast<int>(value.size()));
  put.exec();
}

std::string Database::get(const char* key) {
  SQLite::Statement select(database_, "SELECT value FROM meta WHERE key=?");
  select.bind(1, key);
  return select.executeStep() ? select.getColumn(0).getString() : std::string();
}

}  // namespace cierzo
