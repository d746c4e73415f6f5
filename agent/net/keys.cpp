#include "agent/net/keys.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>

namespace cierzo {
namespace {

// Printed in zmq_curve(7), zmq_curve_keypair(3) and libzmq's tests: everybody has them.
constexpr std::array<std::string_view, 4> well_known = {
    "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID", "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs",
    "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw KeyError(path + ": " + why);
}

std::string text_of(int fd, const std::string& path) {
  std::string text;
  char block[4096];
  while (true) {
    const ssize_t got = ::read(fd, block, sizeof block);
    if (got < 0) refuse(path, std::string("cannot be read: ") + std::strerror(errno));
    if (got == 0) return text;
    text.append(block, static_cast<std::size_t>(got));
    if (text.size() > 64 * 1024)
      refuse(path, "too long for a key file; make one with agentctl keygen");
  }
}

}  // namespace

KeyPair generate_keys() {
  char public_key[key_characters + 1];
  char secret_key[key_characters + 1];
  if (zmq_curve_keypair(public_key, secret_key) != 0) {
    throw KeyError("this libzmq was built without CURVE: install Debian's libzmq5");
  }
  return {public_key, secret_key};
}

std::string public_key_of(const std::string& secret_key) {
  if (const auto mistake = key_mistake(secret_key)) throw KeyError("the secret key " + *mistake);
  char public_key[key_characters + 1];
  if (zmq_curve_public(public_key, secret_key.c_str()) != 0)
    throw KeyError("the secret key is no CURVE key");
  return public_key;
}

std::optional<std::string> key_mistake(std::string_view key) {
  if (key.size() != key_characters) {
    return "must have 40 characters, got " + std::to_string(key.size());
  }
  for (const std::string_view known : well_known) {
    if (key == known)
      return "is the example of a manual page, which everybody has; make one with agentctl keygen";
  }
  std::array<std::uint8_t, 32> bytes;
  if (zmq_z85_decode(bytes.data(), std::string(key).c_str()) == nullptr) {
    return "is not Z85: agentctl keygen prints a good one";
  }
  return std::nullopt;
}

std::string read_secret_key(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (file.get() < 0) {
    refuse(path, std::string("cannot be opened: ") + std::strerror(errno) +
                     "; make one with agentctl keygen");
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
    refuse(path, "is no regular file");
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    refuse(path,
           "others than its owner may use it; chmod 600 it, and make a new key if anybody could "
           "have read it");
  }

  std::istringstream lines(text_of(file.get(), path));
  std::string line;
  std::string key;
  while (std::getline(lines, line)) {
    const std::size_t last = line.find_last_not_of(" \t\r");
    line.erase(last == std::string::npos ? 0 : last + 1);
    if (line.empty()) continue;
    if (line[0] == '#' && key_mistake(line)) continue;  // '#' is a digit of Z85, too.
    if (!key.empty()) refuse(path, "holds more than one key");
    key = line;
  }
  if (key.empty()) refuse(path, "holds no key; make one with agentctl keygen");
  if (const auto mistake = key_mistake(key)) refuse(path, "the key " + *mistake);
  return key;
}

void write_secret_key(const std::string& path, const KeyPair& keys) {
  const Descriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (file.get() < 0) {
    const bool exists = errno == EEXIST;
    refuse(path, exists ? "exists already; a lost key is a lost identity, so it is not overwritten"
                        : std::string("cannot be made: ") + std::strerror(errno));
  }
  const std::string text = "# Secret key of this host. Its public key: " + keys.public_key + "\n" +
                           keys.secret_key + "\n";
  const bool written =
      ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(file.get()) == 0;
  if (!written) {
    const int error = errno;
    ::unlink(path.c_str());
    refuse(path, std::string("cannot be written: ") + std::strerror(error));
  }
}

}  // namespace cierzo
