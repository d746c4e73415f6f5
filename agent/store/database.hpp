// The state database: one SQLite file, read once, then only written. Gate file: SQLite's types stay
// in this folder.
#pragma once
#include <SQLiteCpp/Database.h>

#include <string>
#include <vector>

#include "agent/store/store.hpp"

namespace cierzo {

// The lock of rule 8: as long as it lives no other agent opens this state. flock, so it ends with
// the process however that ends; close-on-exec, so no child keeps it. The file names the holder for
// whoever is refused.
class StateLock {
 public:
  // Makes the folder (0711), and the files in it that are there already 0600. Throws StoreError.
  explicit StateLock(const std::string& folder);
  ~StateLock();
  StateLock(const StateLock&) = delete;
  StateLock& operator=(const StateLock&) = delete;

 private:
  int fd_ = -1;
};

class Database {
 public:
  // Opens or makes the file. Throws StoreError for what is torn, of a newer version, or another's.
  explicit Database(const std::string& folder);

  [[nodiscard]] StoredState read();
  void note_boot(const std::string& boot);

  // All of the batches in one transaction; on disk when it returns. Throws std::exception and has
  // written nothing.
  void write(const std::vector<Batch>& batches);

 private:
  // Under another name first: whatever has the name is whole, so an empty or torn one was not left
  // by making it. False: there is one already.
  [[nodiscard]] static bool make(const std::string& folder);
  [[nodiscard]] static SQLite::Database open(const std::string& path);
  void write(const Batch& batch);
  void write_catalog(const election::CatalogDelta& delta);
  void set(const char* key, const std::string& value);
  [[nodiscard]] std::string get(const char* key);

  std::string path_;
  bool created_ = false;
  SQLite::Database database_;
};

}  // namespace cierzo
