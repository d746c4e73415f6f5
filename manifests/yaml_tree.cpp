#include "manifests/yaml_tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>

#include "manifests/source.hpp"

namespace cierzo::manifests {

namespace {

// yaml-cpp gives one byte for the escapes \_ (U+00A0) and \N (U+0085), which is no UTF-8. All else
// in a scalar is, so such a byte can be nothing else.
std::string with_latin_escapes_mended(std::string_view text) {
  std::string mended;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) (void)append_utf8(mended, static_cast<unsigned char>(text[0]));
    mended += text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return mended;
}

struct Stop {};  // leaves yaml-cpp's recursion; never leaves this file

// Builds the tree from yaml-cpp's events. It sees what yaml-cpp's Node hides: aliases, tags, every
// key.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const Source& source, std::vector<Diagnostic>& diagnostics)
      : source_(source), diagnostics_(diagnostics) {}

  // What stands in the tree so far; open collections are closed where they are.
  [[nodiscard]] YamlNode take() {
    cut_off_ = true;
    while (!open_.empty()) close();
    return std::move(root_);
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (std::exchange(begun_, true)) {
      diagnostics_.push_back(
          mistake(place(mark), "a second document ('---')", "one file holds one document"));
      throw Stop{};
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse(mark, "", anchor);
    add(node(YamlNode::Kind::null, mark));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    diagnostics_.push_back(mistake(place(mark), "an alias (*)", "write the value itself"));
    add(node(YamlNode::Kind::null, mark));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse(mark, tag, anchor);
    YamlNode scalar = node(YamlNode::Kind::scalar, mark);
    scalar.quoted = tag == "!";  // yaml-cpp's mark of a quoted or block scalar; a plain one has "?"
    scalar.text = with_latin_escapes_mended(value);
    if (scalar.quoted) check_quotes(mark);
    if (value.find('\0') != std::string::npos) {
      diagnostics_.push_back(mistake(scalar.at, "a NUL in a string", "no value can hold one"));
      scalar.text.clear();
    }
    add(std::move(scalar));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    refuse(mark, tag, anchor);
    open(node(YamlNode::Kind::sequence, mark));
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    refuse(mark, tag, anchor);
    open(node(YamlNode::Kind::mapping, mark));
  }
  void OnMapEnd() override { close(); }

  [[nodiscard]] Position place(const YAML::Mark& mark) const {
    // yaml-cpp counts columns in bytes; its byte offset is all that is taken from it.
    return mark.is_null() ? source_.whole_file() : source_.at(static_cast<std::size_t>(mark.pos));
  }

 private:
  struct Open {
    YamlNode node;
    std::set<std::string> keys{};  // of a mapping, to find duplicates
    bool key_read{false};          // the next event is that key's value
    bool key_refused{false};       // ... which is dropped
    std::string key{};
    Position key_at{};
  };

  [[nodiscard]] YamlNode node(YamlNode::Kind kind, const YAML::Mark& mark) const {
    YamlNode result;
    result.kind = kind;
    result.at = place(mark);
    return result;
  }

  void refuse(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) {
      diagnostics_.push_back(mistake(place(mark), "an anchor (&)", "write the value where needed"));
    }
    if (!tag.empty() && tag != "?" && tag != "!") {
      diagnostics_.push_back(
          mistake(place(mark), "the tag '" + tag + "'", "leave it out: the value says what it is"));
    }
  }

  // yaml-cpp takes the end of the file for a closing quote, and a lone ! for quotes.
  void check_quotes(const YAML::Mark& mark) {
    const std::string_view rest = source_.text().substr(
        std::min(source_.text().size(), static_cast<std::size_t>(std::max(0, mark.pos))));
    const char quote = rest.empty() ? '\0' : rest[0];
    if (quote == '!') diagnostics_.push_back(mistake(place(mark), "the tag '!'", "leave it out"));
    if (quote != '"' && quote != '\'') return;
    for (std::size_t i = 1; i < rest.size(); ++i) {
      if (quote == '"' && rest[i] == '\\') {
        ++i;
      } else if (rest[i] == quote) {
        if (quote == '"' || i + 1 >= rest.size() || rest[i + 1] != quote) return;
        ++i;  // '' is a quote inside single quotes
      }
    }
    diagnostics_.push_back(mistake(place(mark), "a string", "its closing quote is missing"));
  }

  void open(YamlNode collection) {
    if (open_.size() >= static_cast<std::size_t>(nesting_max)) {
      diagnostics_.push_back(mistake(collection.at, "nested too deep",
                                     "at most " + std::to_string(nesting_max) + " levels"));
      throw Stop{};
    }
    open_.push_back(Open{std::move(collection)});
  }

  void close() {
    YamlNode done = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(done));
  }

  void add(YamlNode child) {
    if (open_.empty()) {
      root_ = std::move(child);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::sequence) {
      parent.node.children.push_back(std::move(child));
    } else if (!parent.key_read) {
      add_key(parent, std::move(child));
    } else {
      parent.key_read = false;
      if (parent.key_refused) return;
      parent.node.entries.push_back(
          YamlEntry{std::move(parent.key), std::move(parent.key_at), std::move(child)});
    }
  }

  void add_key(Open& parent, YamlNode key) {
    parent.key_read = true;
    parent.key_refused = true;
    if (cut_off_) return;
    if (key.kind != YamlNode::Kind::scalar) {
      diagnostics_.push_back(mistake(key.at, "a key that is no text", "write a name, or quote it"));
    } else if (key.text.size() > name_max) {
      diagnostics_.push_back(mistake(key.at,
                                     "a key of " + std::to_string(key.text.size()) + " bytes",
                                     "at most " + std::to_string(name_max)));
    } else if (!parent.keys.insert(key.text).second) {
      const Position first = first_place(parent.node, key.text);
      diagnostics_.push_back(mistake(key.at, "'" + key.text + "'",
                                     "given twice, first in line " + std::to_string(first.line)));
    } else {
      parent.key_refused = false;
      parent.key = std::move(key.text);
      parent.key_at = std::move(key.at);
    }
  }

  static Position first_place(const YamlNode& mapping, const std::string& key) {
    for (const YamlEntry& entry : mapping.entries) {
      if (entry.key == key) return entry.at;
    }
    return mapping.at;
  }

  const Source& source_;
  std::vector<Diagnostic>& diagnostics_;
  std::vector<Open> open_{};
  YamlNode root_{};
  bool begun_{false};
  bool cut_off_{false};  // a syntax error ended the events: what is open is no mistake of its own
};

// YAML's own rule; yaml-cpp does not enforce it and takes U+0004 for the end of the file.
std::optional<Diagnostic> unprintable(const Source& source) {
  const std::string_view text = source.text();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool control =
        (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f;
    if (control) {
      return mistake(source.at(i), "a control character", "write it as an escape in double quotes");
    }
  }
  return std::nullopt;
}

// yaml-cpp's own words, or the cause where it is plain to see.
Diagnostic syntax_mistake(const Source& source, Position at, const YAML::Exception& error) {
  const std::string_view text = source.text();
  if (!error.mark.is_null()) {
    const std::size_t place = std::min(text.size(), static_cast<std::size_t>(error.mark.pos));
    const std::size_t before = place == 0 ? std::string_view::npos : text.rfind('\n', place - 1);
    const std::size_t line = before == std::string_view::npos ? 0 : before + 1;
    const std::size_t indent = text.find_first_not_of(" \t", line);
    if (text.substr(line, indent - line).find('\t') != std::string_view::npos) {
      return mistake(std::move(at), "a tab", "lines are indented with spaces only");
    }
  }
  return mistake(std::move(at), "YAML syntax",
                 error.msg + "; look at the indentation, brackets and quotes up to here");
}

// Runs yaml-cpp over the text. Its exceptions end here.
void read_events(const Source& source, TreeBuilder& builder, std::vector<Diagnostic>& diagnostics) {
  try {
    std::istringstream stream{std::string(source.text())};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop&) {
    // The builder has said so.
  } catch (const YAML::Exception& error) {
    diagnostics.push_back(syntax_mistake(source, builder.place(error.mark), error));
  }
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const YamlEntry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

YamlTree parse_yaml_tree(std::string_view text, std::string file_name) {
  const Source source(text, std::move(file_name));
  YamlTree tree;
  tree.root.at = source.whole_file();
  std::optional<Diagnostic> defect = source.defect();
  if (!defect) defect = unprintable(source);
  if (defect) {
    tree.diagnostics.push_back(*std::move(defect));
    return tree;
  }
  TreeBuilder builder(source, tree.diagnostics);
  read_events(source, builder, tree.diagnostics);
  tree.root = builder.take();
  put_in_order(tree.diagnostics);
  return tree;
}

}  // namespace cierzo::manifests
