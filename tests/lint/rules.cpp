#include "tests/lint/rules.hpp"

#include <algorithm>
#include <map>
#include <regex>
#include <sstream>

namespace cierzo::lint {
namespace {

constexpr std::size_t line_characters_max = 100;
constexpr std::size_t file_lines_max = 600;  // 400 is the habit; beyond this a file is two.

// What a folder may include of ours, beside itself.
const std::map<std::string, std::vector<std::string>>& table() {
  static const std::map<std::string, std::vector<std::string>> allowed = {
      {"manifests", {}},
      {"resources", {"manifests/"}},
      {"election", {"resources/ids.hpp"}},
      {"monitor", {"resources/", "manifests/"}},
      {"agent", {"election/", "monitor/", "resources/", "manifests/"}},
      {"tests", {"agent/", "election/", "monitor/", "resources/", "manifests/"}},
  };
  return allowed;
}

struct Gate {
  const char* headers;  // Regular expressions, over the whole of what is included and of the path.
  const char* files;
};

// Tests may go around the product where they play a stranger, or look at what it wrote.
constexpr Gate gate_table[] = {
    {"(zmq.*)",
     "agent/net/(endpoint|link)\\.hpp|agent/net/keys\\.cpp|tests/agent/"
     "transport_[a-z]*\\.(hpp|cpp)"},
    {"(SQLiteCpp/.*|sqlite3\\.h)", "agent/store/database\\.(hpp|cpp)"},
    {"(google/protobuf/.*|.*\\.pb\\.h)",
     "agent/net/codec[a-z_]*\\.(hpp|cpp)|tests/agent/codec[a-z_]*_test\\.cpp"},
    {"yaml-cpp/.*", "manifests/yaml_tree\\.cpp"},
    {"tao/.*", "manifests/puppet[a-z_]*\\.(hpp|cpp)"},
    {"pugixml\\.hpp", "resources/domain_xml[a-z_]*\\.cpp"},
    {"openssl/.*", "resources/digest\\.cpp"},
    {"libvirt/.*",
     "resources/providers/libvirt_[a-z_]*\\.(hpp|cpp)|tests/providers/[a-z_]*\\.(hpp|cpp)"},
    {"spdlog/.*", "(agent|resources/providers)/.*\\.cpp"},
    {"CLI/.*", "agent/main\\.cpp|agent/ctl/command_line\\.cpp"},
    {"boost/beast.*", "agent/api/(client|server)\\.cpp"},
    {"boost/asio.*", "agent/asio\\.(hpp|cpp)|tests/agent/.*"},
    {"rapidcheck.*", "tests/.*"},
    {"gtest/.*", "tests/.*"},
};

std::string folder_of(const std::string& path) { return path.substr(0, path.find('/')); }

struct Line {
  std::size_t number;
  std::string text;
};

std::vector<Line> lines_of(const std::string& text) {
  std::vector<Line> lines;
  std::istringstream in(text);
  std::string line;
  while (std::getline(in, line)) lines.push_back({lines.size() + 1, line});
  return lines;
}

std::string at(const File& file, std::size_t line, const std::string& what) {
  return file.path + ":" + std::to_string(line) + ": " + what;
}

// Characters, not bytes.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

bool is_pure(const std::string& path) {
  const std::string folder = folder_of(path);
  if (path.starts_with("resources/providers/") || path.starts_with("resources/type_folder.")) {
    return false;
  }
  return folder == "manifests" || folder == "resources" || folder == "election" ||
         folder == "monitor";
}

struct Include {
  std::size_t line;
  bool ours;  // In quotes.
  std::string header;
};

std::vector<Include> includes_of(const File& file) {
  static const std::regex include(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<Include> found;
  for (const Line& line : lines_of(file.text)) {
    std::smatch match;
    if (std::regex_search(line.text, match, include)) {
      found.push_back({line.number, match[1] == "\"", match[2]});
    }
  }
  return found;
}

// The pattern as a regular expression, wherever it stands outside of // comments.
void ban(const File& file, const char* pattern, const char* why, std::vector<std::string>& found) {
  const std::regex banned(pattern);
  for (const Line& line : lines_of(file.text)) {
    const std::string code = line.text.substr(0, line.text.find("//"));
    if (std::regex_search(code, banned)) found.push_back(at(file, line.number, why));
  }
}

}  // namespace

bool is_cpp(std::string_view path) { return path.ends_with(".cpp") || path.ends_with(".hpp"); }

bool is_shell(const File& file) {
  static const std::regex shebang(R"(^#!\s*(/usr)?/bin/(env )?(ba|da|)sh\b)");
  return std::regex_search(file.text.substr(0, file.text.find('\n')), shebang);
}

std::vector<std::string> dependencies(const File& file) {
  std::vector<std::string> found;
  const auto row = table().find(folder_of(file.path));
  if (row == table().end()) return found;
  for (const Include& include : includes_of(file)) {
    if (!include.ours) continue;
    const bool own = include.header.starts_with(row->first + "/");
    const bool allowed =
        std::any_of(row->second.begin(), row->second.end(), [&](const std::string& prefix) {
          return prefix.ends_with('/') ? include.header.starts_with(prefix)
                                       : include.header == prefix;
        });
    if (!own && !allowed) {
      found.push_back(at(file, include.line, row->first + "/ must not include " + include.header));
    }
  }
  return found;
}

std::vector<std::string> gates(const File& file) {
  std::vector<std::string> found;
  for (const Include& include : includes_of(file)) {
    for (const Gate& gate : gate_table) {
      if (!std::regex_match(include.header, std::regex(gate.headers))) continue;
      if (std::regex_match(file.path, std::regex(gate.files))) continue;
      found.push_back(at(file, include.line,
                         include.header + " is included by its gate files only: " + gate.files));
    }
  }
  return found;
}

std::vector<std::string> purity(const File& file) {
  std::vector<std::string> found;
  if (!is_pure(file.path) || !is_cpp(file.path)) return found;
  ban(file, R"(_clock::now|clock_gettime|\btime\(|gettimeofday)",
      "reads a clock: time is an argument", found);
  ban(file, R"(random_device|\brand\(|getrandom)", "global chance: it is an argument", found);
  ban(file,
      R"(#\s*include\s*<(thread|mutex|atomic|condition_variable|future|iostream|sys/socket\.h)>)",
      "threads, sockets and output belong to agent/", found);
  return found;
}

std::vector<std::string> traps(const File& file) {
  std::vector<std::string> found;
  if (!is_cpp(file.path) || file.path.starts_with("tests/lint/")) return found;
  ban(file, R"(zmq::buffer\(")", "zmq::buffer of a literal counts its NUL: use zmq::str_buffer",
      found);
  ban(file, R"(asio::detached)", "asio::detached swallows exceptions", found);
  // Up to the end of the statement, which may be lines away.
  for (std::size_t from = file.text.find("co_await"); from != std::string::npos;
       from = file.text.find("co_await", from + 1)) {
    const std::string statement = file.text.substr(from, file.text.find(';', from) - from);
    static const std::regex lambda(R"(\[[^\]]*\]\s*(\(|\{|mutable))");
    if (std::regex_search(statement, lambda)) {
      const auto line = std::count(file.text.begin(),
                                   file.text.begin() + static_cast<std::ptrdiff_t>(from), '\n');
      found.push_back(at(file, static_cast<std::size_t>(line) + 1,
                         "a lambda inside co_await is destroyed twice by g++ 12: name it before"));
    }
  }
  return found;
}

std::vector<std::string> form(const File& file) {
  std::vector<std::string> found;
  const std::vector<Line> lines = lines_of(file.text);
  if (is_cpp(file.path)) {
    for (const Line& line : lines) {
      if (width(line.text) > line_characters_max && line.text.find("http") == std::string::npos) {
        found.push_back(at(file, line.number, "longer than 100 characters"));
      }
    }
    if (lines.size() > file_lines_max)
      found.push_back(at(file, lines.size(), "a file of more than 600 lines"));
    const bool header = file.path.ends_with(".hpp");
    if (header && file.text.find("#pragma once\n") == std::string::npos)
      found.push_back(at(file, 1, "no #pragma once"));
  }
  static const std::regex unfinished(R"(\b(TODO|FIXME|XXX)\b)");
  for (const Line& line : lines) {
    if (!file.path.starts_with("tests/lint/") && std::regex_search(line.text, unfinished)) {
      found.push_back(at(file, line.number, "a note of what is to be done belongs into an issue"));
    }
  }
  return found;
}

}  // namespace cierzo::lint
