#include "resources/role_values.hpp"

#include "manifests/source.hpp"
#include "resources/address.hpp"
#include "resources/attribute.hpp"

namespace cierzo {
namespace {

using manifests::Array;
using manifests::Diagnostic;
using manifests::Entry;
using manifests::Hash;
using manifests::Position;
using manifests::Value;

constexpr std::size_t addresses_max = range_max;  // of one role

constexpr const char* forms =
    "must be [ip, image], [file of ips, file of images], a list of these, or {ip, image} or "
    "{ips, image, count}";

struct Word {
  std::string text;
  Position at;
};

std::string shown(const Word& word) { return manifests::shown(Value{word.text, word.at}); }

std::string counted(std::size_t count, const std::string& what, const std::string& plural) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : plural);
}

class Reader {
 public:
  Reader(const RoleType& role, const std::string& where, const FileReader& read_file,
         std::vector<Diagnostic>& diagnostics)
      : role_(role), where_(where), read_file_(read_file), diagnostics_(diagnostics) {}

  void read(const Value& value) {
    if (const auto* hash = std::get_if<Hash>(&value.data)) {
      read_hash(*hash, value.at);
      return;
    }
    const auto* array = std::get_if<Array>(&value.data);
    if (!array || array->empty()) {
      error(value.at, where_, std::string(forms) + ", got " + manifests::shown(value));
      return;
    }
    if (std::holds_alternative<Array>(array->front().data) ||
        std::holds_alternative<Hash>(array->front().data)) {
      for (const Value& element : *array) read(element);
      return;
    }
    read_pair(*array, value);
  }

  RoleValues values;

 private:
  void error(const Position& at, const std::string& what, const std::string& expected) {
    diagnostics_.push_back(manifests::mistake(at, what, expected));
  }

  void read_pair(const Array& array, const Value& whole) {
    std::vector<Word> words;
    for (const Value& element : array) {
      const auto* text = std::get_if<std::string>(&element.data);
      if (text) words.push_back({*text, element.at});
    }
    if (words.size() != 2 || array.size() != 2) {
      error(whole.at, where_, std::string(forms) + ", got " + manifests::shown(whole));
      return;
    }
    if (words[0].text.starts_with('/')) {
      const std::vector<Word> addresses = addresses_of(lines_of(words[0]));
      add(addresses, lines_of(words[1]), words[1].at);
    } else {
      add(addresses_of({words[0]}), {words[1]}, words[1].at);
    }
  }

  void read_hash(const Hash& hash, const Position& at) {
    std::vector<Word> ips, images;
    Position images_at = at;
    bool ips_given = false, images_given = false;
    for (const Entry& entry : hash) {
      if (std::holds_alternative<std::monostate>(entry.value.data)) continue;  // not given
      if (entry.key == "ip" || entry.key == "ips") {
        if (ips_given) error(entry.at, where_, "has both ip and ips");
        ips_given = true;
        ips = words_of(entry.value, entry.key == "ips");
      } else if (entry.key == "image" || entry.key == "images") {
        if (images_given) error(entry.at, where_, "has both image and images");
        images_given = true;
        images_at = entry.value.at;
        images = words_of(entry.value, entry.key == "images");
      } else if (entry.key == "count") {
        read_count(entry);
      } else {
        read_attribute(entry);
      }
    }
    if (!ips_given) error(at, where_ + ".ips", "required");
    if (!images_given) error(at, where_ + ".image", "required");
    if (!ips_given || !images_given) return;
    add(addresses_of(ips), images, images_at);
  }

  // One string; where several are allowed also a list of them, or a file with one a line.
  std::vector<Word> words_of(const Value& value, bool several) {
    if (const auto* text = std::get_if<std::string>(&value.data)) {
      if (several && text->starts_with('/')) return lines_of({*text, value.at});
      return {{*text, value.at}};
    }
    std::vector<Word> words;
    if (const auto* array = std::get_if<Array>(&value.data); array && several) {
      for (const Value& element : *array) {
        const auto* text = std::get_if<std::string>(&element.data);
        if (text)
          words.push_back({*text, element.at});
        else
          error(element.at, where_, "must be a string, got " + manifests::shown(element));
      }
      return words;
    }
    error(value.at, where_, "must be a string, got " + manifests::shown(value));
    return words;
  }

  void read_count(const Entry& entry) {
    const auto* number = std::get_if<std::int64_t>(&entry.value.data);
    if (!number || *number < 0 || *number > range_max) {
      error(entry.value.at, where_ + ".count",
            "must be a number from 0, got " + manifests::shown(entry.value));
      return;
    }
    values.count = values.count.value_or(0) + static_cast<int>(*number);
    count_at_ = entry.value.at;
  }

  void read_attribute(const Entry& entry) {
    const std::string at = where_ + "." + entry.key;
    const auto known = role_.attributes.find(entry.key);
    if (known == role_.attributes.end()) {
      std::vector<std::string> accepted = {"ip", "ips", "image", "images", "count"};
      for (const auto& [name, attribute] : role_.attributes) accepted.push_back(name);
      diagnostics_.push_back(
          manifests::unknown_name(entry.at, at, entry.key, accepted, "unknown field"));
      return;
    }
    if (auto text = attribute_text(entry.value, known->second)) {
      values.attributes[entry.key] = *text;
    } else {
      const bool show = !known->second.secret;
      error(entry.value.at, at,
            "must be " + expected_of(known->second) +
                (show ? ", got " + manifests::shown(entry.value) : std::string()));
    }
  }

  std::vector<Word> lines_of(const Word& path) {
    std::vector<Word> lines;
    if (!path.text.starts_with('/')) {
      error(path.at, where_, "must be the absolute path of a file, got '" + path.text + "'");
      return lines;
    }
    std::string reason;
    const auto text = read_file_(path.text, reason);
    if (!text) {
      error(path.at, where_, path.text + ": " + reason);
      return lines;
    }
    const manifests::Source source(*text, path.text);
    if (const auto defect = source.defect()) {
      error(defect->at, where_, defect->what + ": " + defect->expected + "; one entry a line");
      return lines;
    }
    const std::string_view all = source.text();
    for (std::size_t begin = 0; begin < all.size();) {
      const std::size_t end = std::min(all.find('\n', begin), all.size());
      const std::string_view line = all.substr(begin, end - begin);
      const std::size_t first = line.find_first_not_of(" \t\r");
      if (first != std::string_view::npos && line[first] != '#') {
        const std::size_t size = line.find_last_not_of(" \t\r") + 1 - first;
        lines.push_back({std::string(line.substr(first, size)), source.at(begin + first)});
      }
      begin = end + 1;
    }
    if (lines.empty()) error(path.at, where_, path.text + ": names nothing");
    return lines;
  }

  std::vector<Word> addresses_of(const std::vector<Word>& words) {
    std::vector<Word> addresses;
    for (const Word& word : words) {
      const auto range = parse_range(word.text);
      if (!range) {
        error(word.at, where_,
              "must be an IPv4 address or a range such as 10.0.0.11-18, got " + shown(word));
        continue;
      }
      // Of a range only the first that cannot be used is named.
      for (const std::string& address : *range) {
        const std::string_view why = unusable_address(parse_ipv4(address).value_or(0));
        if (why.empty()) continue;
        error(word.at, where_, address + " " + std::string(why));
        break;
      }
      if (addresses.size() + range->size() > addresses_max) {
        error(word.at, where_,
              "has more than " + std::to_string(addresses_max) + " addresses from here on");
        return addresses;
      }
      for (const std::string& address : *range) addresses.push_back({address, word.at});
    }
    return addresses;
  }

  void add(const std::vector<Word>& addresses, const std::vector<Word>& images,
           const Position& images_at) {
    for (const Word& image : images) {
      if (!is_image(image.text)) {
        error(image.at, where_,
              "an image must be an absolute path or the name of a file, got " + shown(image));
      }
    }
    if (addresses.empty() || images.empty()) return;  // said already
    const std::string counts = "has " + counted(addresses.size(), "address", "es") + " but " +
                               counted(images.size(), "image", "s");
    if (images.size() != 1 && images.size() < addresses.size()) {
      error(images_at, where_, counts + ": must be one for all, or one for each");
      return;
    }
    if (images.size() > addresses.size()) {  // legal in the original: matched by position
      diagnostics_.push_back(
          manifests::warning(images_at, where_, counts + ": the last ones are not used"));
    }
    const Word* said = nullptr;  // of a range that overlaps another one only the first is named
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      const Word& address = addresses[i];
      const auto [first, added] = values.places.emplace(address.text, address.at);
      if (!added && (!said || said->at.line != address.at.line ||
                     said->at.column != address.at.column || said->at.file != address.at.file)) {
        error(address.at, where_,
              "has the address " + address.text + " twice, first at " + to_string(first->second));
        said = &address;
      }
      const Word& image = images.size() == 1 ? images[0] : images[i];
      const int position = static_cast<int>(values.slots.size()) + 1;
      values.slots.push_back({address.text, image.text, position});
    }
    if (values.slots.size() > addresses_max) {
      error(images_at, where_, "has more than " + std::to_string(addresses_max) + " addresses");
      values.slots.resize(addresses_max);
    }
  }

 public:
  void finish() {
    const int slots = static_cast<int>(values.slots.size());
    if (values.count && slots > 0 && *values.count > slots) {
      error(count_at_, where_ + ".count",
            "is " + std::to_string(*values.count) + " but there are " + std::to_string(slots) +
                " addresses");
    }
  }

 private:
  const RoleType& role_;
  const std::string& where_;
  const FileReader& read_file_;
  std::vector<Diagnostic>& diagnostics_;
  Position count_at_;
};

}  // namespace

bool is_image(const std::string& text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) return false;
  }
  if (text.starts_with('/')) return text.size() > 1 && text.back() != '/';
  return !text.empty() && text != "." && text != ".." && text.find('/') == std::string::npos;
}

RoleValues read_role_values(const Value& value, const RoleType& role, const std::string& where,
                            const FileReader& read_file, std::vector<Diagnostic>& diagnostics) {
  Reader reader(role, where, read_file, diagnostics);
  reader.read(value);
  reader.finish();
  return std::move(reader.values);
}

}  // namespace cierzo
