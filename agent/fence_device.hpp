// How the power of one host is cut: `fence: {agent: fence_ipmilan, options: {ip: ..., ...}}`.
#pragma once
#include <map>
#include <string>

namespace cierzo {

struct FenceDevice {
  std::string agent;                           // Searched in PATH, or an absolute path.
  std::map<std::string, std::string> options;  // Beside `action`. Secrets only by reference.
};

// The option that names a file with the password: read when it is needed, for root alone.
inline constexpr const char* fence_password_file = "passwd_file";

// Does this option hold a secret itself, which has no place in a file that others may read?
[[nodiscard]] inline bool is_fence_secret(const std::string& option) {
  if (option.ends_with("_file") || option.ends_with("_script")) return false;  // Where it is.
  for (const char* word : {"pass", "secret", "token", "community"}) {
    if (option.find(word) != std::string::npos) return true;
  }
  return false;
}

}  // namespace cierzo
