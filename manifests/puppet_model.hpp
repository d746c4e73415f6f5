// What a Puppet text means: variables, defaults, bodies with several titles. The grammar
// (puppet.cpp) calls it in the order of the text and knows nothing of meaning; this knows nothing
// of PEGTL.
//
// Values under construction stand on a stack; `Mark` remembers its height, so that a piece of text
// with a syntax error leaves nothing behind.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "manifests/parse.hpp"
#include "manifests/source.hpp"

namespace cierzo::manifests {

// Attributes in the order written, with their names once more for looking up.
struct AttributeList {
  Hash entries{};
  std::map<std::string, int, std::less<>> line_of{};
};

class PuppetModel {
 public:
  explicit PuppetModel(const Source& source) : source_(source) {}

  // --- values ---
  void push(Value value) { values_.push_back(std::move(value)); }
  // False: nested too deep; nothing was opened.
  [[nodiscard]] bool open_collection(std::size_t offset);
  void close_array();
  void close_hash();  // keys and values stand alternately on the stack
  void push_variable(std::string_view name, std::size_t offset);

  // A double-quoted string, piece by piece.
  void begin_text() { text_.clear(); }
  void append_text(std::string_view piece) { text_ += piece; }
  void append_variable(std::string_view name, std::size_t offset);
  void push_text(std::size_t offset);

  // --- statements ---
  void begin_assignment(std::string_view name, std::size_t offset);
  void end_assignment();
  void begin_resource(std::string_view type) { begin_statement(type); }
  void begin_defaults(std::string_view type);
  void end_defaults();
  void title_is_default() { body_is_default_ = true; }
  void end_title();
  void begin_attribute(std::string_view name, std::size_t offset);
  void end_attribute();
  void end_body();
  void end_resource();

  // --- mistakes ---
  void report(Diagnostic diagnostic);
  struct Mark {
    std::size_t values, collections;
  };
  [[nodiscard]] Mark mark() const { return {values_.size(), collections_.size()}; }
  void drop_after(const Mark& mark);
  // What is being read is the value of a password or the like: no message repeats it.
  [[nodiscard]] bool in_secret() const {
    return is_secret_name(attribute_) || is_secret_name(variable_);
  }
  // A variable whose value could not be read counts as assigned: its uses are no mistakes.
  void abandon_statement();
  void abandon_body();
  [[nodiscard]] bool too_many_mistakes() const {
    return parsed_.diagnostics.size() > diagnostics_max;
  }

  [[nodiscard]] Parsed finish();

 private:
  struct Variable {
    Value value{};
    std::size_t weight{0};
    int depth{0};
    int line{0};
  };
  struct Collection {
    std::size_t first;  // index in values_ of its first element
    Position at;
  };
  struct Body {
    std::vector<std::pair<std::string, Position>> titles{};
    AttributeList attributes{};
  };
  struct UndefinedUse {
    std::size_t diagnostic;
    std::string name;
  };

  [[nodiscard]] Value pop();
  void begin_statement(std::string_view type);
  void add_title(const Value& title);
  void add_attribute(Entry attribute);
  void add_missing(Hash& attributes, const AttributeList& defaults);
  const Variable* find_variable(std::string_view name, std::size_t offset);
  // Counts what copying adds to the text's own size. False, with one mistake, when it is too much.
  [[nodiscard]] bool charge(std::size_t weight, const Position& at);
  void declare(const std::string& title, const Position& at, const Hash& attributes, bool complete);

  const Source& source_;
  Parsed parsed_{};
  std::vector<Value> values_{};
  std::vector<Collection> collections_{};
  std::string text_{};
  std::map<std::string, Variable, std::less<>> variables_{};
  std::vector<UndefinedUse> undefined_{};
  std::map<std::string, AttributeList> defaults_{};  // by type
  std::map<std::pair<std::string, std::string>, int> line_of_title_{};
  std::size_t errors_{0};         // reported so far
  std::size_t errors_before_{0};  // ... when the resource being read began
  bool shared_errors_{false};     // one in a default or an assignment, which concerns all resources
  std::size_t copied_{0};
  bool copied_too_much_{false};

  // of the statement being read
  std::string variable_{};
  Position variable_at_{};
  std::string type_{};
  bool in_defaults_{false};
  bool body_is_default_{false};
  Body body_{};
  std::vector<Body> bodies_{};
  AttributeList body_defaults_{};
  std::string attribute_{};
  Position attribute_at_{};
};

}  // namespace cierzo::manifests
