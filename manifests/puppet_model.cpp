#include "manifests/puppet_model.hpp"

#include <algorithm>

#include "manifests/number.hpp"

namespace cierzo::manifests {

namespace {

// What variables, defaults and lists of titles may add by copying: forty lines that each double a
// variable would otherwise fill the memory.
constexpr std::size_t copied_max = 4 * text_max;

constexpr std::size_t compared_max = 200;  // variables that a misspelt one is compared with

std::size_t weight_of(const Value& value) {
  std::size_t weight = 16;
  if (const auto* text = std::get_if<std::string>(&value.data)) weight += text->size();
  if (const auto* array = std::get_if<Array>(&value.data)) {
    for (const Value& item : *array) weight += weight_of(item);
  }
  if (const auto* hash = std::get_if<Hash>(&value.data)) {
    for (const Entry& entry : *hash) weight += entry.key.size() + weight_of(entry.value);
  }
  return weight;
}

int depth_of(const Value& value) {
  int depth = 0;
  if (const auto* array = std::get_if<Array>(&value.data)) {
    for (const Value& item : *array) depth = std::max(depth, depth_of(item));
    ++depth;
  }
  if (const auto* hash = std::get_if<Hash>(&value.data)) {
    for (const Entry& entry : *hash) depth = std::max(depth, depth_of(entry.value));
    ++depth;
  }
  return depth;
}

// A value inside a string, as Puppet writes it there: undef is nothing, strings have no quotes.
struct Interpolated {
  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return print_double(value); }
  std::string operator()(const std::string& value) const { return value; }
  std::string operator()(const Array& value) const {
    std::string text = "[";
    for (std::size_t i = 0; i < value.size(); ++i) {
      text += (i > 0 ? ", " : "") + std::visit(*this, value[i].data);
    }
    return text + "]";
  }
  std::string operator()(const Hash& value) const {
    std::string text = "{";
    for (std::size_t i = 0; i < value.size(); ++i) {
      text += (i > 0 ? ", " : "") + value[i].key + " => " + std::visit(*this, value[i].value.data);
    }
    return text + "}";
  }
};

std::string in_line(int line) { return "first in line " + std::to_string(line); }

}  // namespace

// --- values ---

Value PuppetModel::pop() {
  Value value = std::move(values_.back());
  values_.pop_back();
  return value;
}

bool PuppetModel::open_collection(std::size_t offset) {
  if (collections_.size() >= static_cast<std::size_t>(value_nesting_max)) return false;
  collections_.push_back({values_.size(), source_.at(offset)});
  return true;
}

void PuppetModel::close_array() {
  const Collection collection = std::move(collections_.back());
  collections_.pop_back();
  const auto first = values_.begin() + static_cast<std::ptrdiff_t>(collection.first);
  Array array(std::make_move_iterator(first), std::make_move_iterator(values_.end()));
  values_.erase(first, values_.end());
  push(Value{std::move(array), collection.at});
}

void PuppetModel::close_hash() {
  const Collection collection = std::move(collections_.back());
  collections_.pop_back();
  Hash hash;
  std::map<std::string, int> line_of;
  for (std::size_t i = collection.first; i + 1 < values_.size(); i += 2) {
    const Value& key = values_[i];
    // Keys of ours are strings; Puppet's numbers and booleans as keys become their text.
    if (std::holds_alternative<Array>(key.data) || std::holds_alternative<Hash>(key.data) ||
        std::holds_alternative<std::monostate>(key.data)) {
      report(mistake(key.at, shown(key),
                     "a key must be a string, got " + std::string(kind_name(key))));
      continue;
    }
    std::string text = std::visit(Interpolated{}, key.data);
    if (text.size() > name_max) {
      report(mistake(key.at, "a key of " + std::to_string(text.size()) + " bytes",
                     "at most " + std::to_string(name_max)));
    }
    const auto [first, added] = line_of.emplace(text, key.at.line);
    if (!added) {
      report(mistake(key.at, "'" + text + "'", "given twice, " + in_line(first->second)));
      continue;
    }
    hash.push_back(Entry{std::move(text), std::move(values_[i + 1]), key.at});
  }
  values_.resize(collection.first);
  push(Value{std::move(hash), collection.at});
}

const PuppetModel::Variable* PuppetModel::find_variable(std::string_view name, std::size_t offset) {
  if (name.substr(0, 2) == "::") name.remove_prefix(2);  // top scope, the only one there is
  const auto found = variables_.find(name);
  if (found != variables_.end()) return &found->second;
  std::vector<std::string> known;
  for (const auto& [known_name, variable] : variables_) {
    if (known.size() >= compared_max) break;
    known.push_back("$" + known_name);
  }
  const std::string shown_name = in_secret() ? "a variable" : "$" + std::string(name);
  Diagnostic unknown = unknown_name(source_.at(offset), shown_name, shown_name, std::move(known),
                                    "not assigned in this file");
  unknown.accepted.clear();
  undefined_.push_back({parsed_.diagnostics.size(), std::string(name)});
  report(std::move(unknown));
  return nullptr;
}

void PuppetModel::push_variable(std::string_view name, std::size_t offset) {
  const Position at = source_.at(offset);
  const Variable* variable = find_variable(name, offset);
  if (variable == nullptr || !charge(variable->weight, at)) {
    push(Value{{}, at});
    return;
  }
  const int depth = static_cast<int>(collections_.size()) + variable->depth;
  if (depth > value_nesting_max) {
    report(mistake(at, "$" + std::string(name),
                   "nested too deep: at most " + std::to_string(value_nesting_max) + " levels"));
    push(Value{{}, at});
    return;
  }
  push(Value{variable->value.data, at});
}

void PuppetModel::append_variable(std::string_view name, std::size_t offset) {
  const Variable* variable = find_variable(name, offset);
  if (variable == nullptr || !charge(variable->weight, source_.at(offset))) return;
  text_ += std::visit(Interpolated{}, variable->value.data);
}

void PuppetModel::push_text(std::size_t offset) {
  push(Value{std::move(text_), source_.at(offset)});
  text_.clear();
}

bool PuppetModel::charge(std::size_t weight, const Position& at) {
  if (copied_too_much_) return false;
  copied_ += weight;
  if (copied_ <= copied_max) return true;
  copied_too_much_ = true;
  report(mistake(at, "variables, defaults and lists of titles",
                 "together they expand to more than " + std::to_string(copied_max) + " bytes"));
  return false;
}

// --- statements ---

void PuppetModel::begin_assignment(std::string_view name, std::size_t offset) {
  variable_ = std::string(name);
  variable_at_ = source_.at(offset);
  const bool begins_well = name[0] == '_' || (name[0] >= 'a' && name[0] <= 'z');
  if (!begins_well || name.find(':') != std::string_view::npos) {
    report(mistake(variable_at_, "$" + variable_,
                   "a variable's name is a lower-case letter or _, then letters, digits and _"));
  }
}

void PuppetModel::end_assignment() {
  Value value = pop();
  const std::size_t weight = weight_of(value);
  const int depth = depth_of(value);
  const auto [existing, added] = variables_.try_emplace(
      std::exchange(variable_, {}), Variable{std::move(value), weight, depth, variable_at_.line});
  if (!added) {
    report(mistake(variable_at_, "$" + existing->first,
                   "assigned twice, " + in_line(existing->second.line)));
  }
}

void PuppetModel::begin_statement(std::string_view type) {
  if (type.substr(0, 2) == "::") type.remove_prefix(2);
  type_ = std::string(type);
  in_defaults_ = body_is_default_ = false;
  errors_before_ = errors_;
  body_ = Body{};
  bodies_.clear();
  body_defaults_ = AttributeList{};
}

void PuppetModel::begin_defaults(std::string_view type) {
  begin_statement(type);
  for (char& c : type_) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  in_defaults_ = true;
}

void PuppetModel::end_title() { add_title(pop()); }

// Of a list each element, also of a list in it, is a title; an empty one declares nothing.
void PuppetModel::add_title(const Value& title) {
  if (const auto* titles = std::get_if<Array>(&title.data)) {
    for (const Value& each : *titles) add_title(each);
    return;
  }
  const auto* text = std::get_if<std::string>(&title.data);
  if (text == nullptr) {
    report(mistake(title.at, shown(title),
                   "a title must be a string, got " + std::string(kind_name(title))));
  } else if (text->empty()) {
    report(mistake(title.at, type_, "a title must not be empty"));
  } else if (text->size() > name_max) {
    report(mistake(title.at, "a title of " + std::to_string(text->size()) + " bytes",
                   "at most " + std::to_string(name_max)));
  } else {
    body_.titles.emplace_back(*text, title.at);
  }
}

void PuppetModel::begin_attribute(std::string_view name, std::size_t offset) {
  attribute_ = std::string(name);
  attribute_at_ = source_.at(offset);
}

void PuppetModel::end_attribute() {
  Value value = pop();
  const std::string name = std::exchange(attribute_, {});
  if (name != "*") {
    add_attribute(Entry{name, std::move(value), attribute_at_});
    return;
  }
  auto* hash = std::get_if<Hash>(&value.data);  // `* => $hash`: each key is an attribute
  if (hash == nullptr) {
    report(mistake(value.at, "* =>", "expected a hash, got " + std::string(kind_name(value))));
    return;
  }
  for (Entry& entry : *hash) {
    if (is_attribute_name(entry.key)) {
      entry.at = attribute_at_;
      add_attribute(std::move(entry));
    } else {
      report(mistake(entry.at, "'" + entry.key + "'", "is no attribute's name"));
    }
  }
}

void PuppetModel::add_attribute(Entry attribute) {
  if (attribute.key.size() > name_max) {
    report(mistake(attribute.at, "a name of " + std::to_string(attribute.key.size()) + " bytes",
                   "at most " + std::to_string(name_max)));
    return;
  }
  AttributeList& list = body_.attributes;
  const auto [first, added] = list.line_of.emplace(attribute.key, attribute.at.line);
  if (added) {
    list.entries.push_back(std::move(attribute));
  } else {
    report(mistake(attribute.at, attribute.key, "given twice, " + in_line(first->second)));
  }
}

void PuppetModel::end_body() {
  if (std::exchange(body_is_default_, false)) {
    body_defaults_ = std::move(body_.attributes);
  } else {
    bodies_.push_back(std::move(body_));
  }
  body_ = Body{};
}

void PuppetModel::end_defaults() {
  AttributeList& defaults = defaults_[type_];
  for (Entry& entry : body_.attributes.entries) {
    const auto [first, added] = defaults.line_of.emplace(entry.key, entry.at.line);
    if (added) {
      defaults.entries.push_back(std::move(entry));
    } else {
      report(
          mistake(entry.at, entry.key, "this default is given twice, " + in_line(first->second)));
    }
  }
  body_ = Body{};
  in_defaults_ = false;
}

void PuppetModel::end_resource() {
  const bool complete = errors_ == errors_before_;
  for (Body& body : bodies_) {
    Hash& attributes = body.attributes.entries;
    add_missing(attributes, body_defaults_);
    const std::size_t weight = body.titles.size() > 1 ? weight_of(Value{attributes}) : 0;
    for (const auto& [title, at] : body.titles) {
      if (charge(weight, at)) declare(title, at, attributes, complete);
    }
  }
  bodies_.clear();
}

void PuppetModel::declare(const std::string& title, const Position& at, const Hash& attributes,
                          bool complete) {
  const auto [first, added] = line_of_title_.emplace(std::pair(type_, title), at.line);
  if (added) {
    parsed_.declarations.push_back(Declaration{type_, title, attributes, at, complete});
  } else {
    report(mistake(at, type_ + " '" + title + "'", "declared twice, " + in_line(first->second)));
  }
}

// Appends the defaults whose names are not there. An explicit `undef` counts as there, as in
// Puppet.
void PuppetModel::add_missing(Hash& attributes, const AttributeList& defaults) {
  if (defaults.entries.empty()) return;
  std::set<std::string, std::less<>> present;
  for (const Entry& entry : attributes) present.insert(entry.key);
  for (const Entry& entry : defaults.entries) {
    if (present.count(entry.key) > 0) continue;
    if (!charge(weight_of(entry.value), entry.at)) return;
    attributes.push_back(entry);
  }
}

// --- mistakes ---

void PuppetModel::report(Diagnostic diagnostic) {
  if (diagnostic.severity == Severity::error) {
    ++errors_;
    // What a default or a variable should have said is missing wherever it is used.
    if (in_defaults_ || !variable_.empty()) shared_errors_ = true;
  }
  parsed_.diagnostics.push_back(std::move(diagnostic));
}

void PuppetModel::drop_after(const Mark& mark) {
  values_.resize(std::min(values_.size(), mark.values));
  collections_.resize(std::min(collections_.size(), mark.collections));
  attribute_.clear();
}

void PuppetModel::abandon_statement() {
  in_defaults_ = false;
  if (!variable_.empty()) {
    variables_.try_emplace(std::exchange(variable_, {}), Variable{{}, 0, 0, variable_at_.line});
  }
}

void PuppetModel::abandon_body() {
  body_ = Body{};
  body_is_default_ = false;
}

Parsed PuppetModel::finish() {
  for (const UndefinedUse& use : undefined_) {
    const auto assigned = variables_.find(use.name);
    if (assigned == variables_.end()) continue;
    Diagnostic& diagnostic = parsed_.diagnostics[use.diagnostic];
    diagnostic.expected =
        "used before line " + std::to_string(assigned->second.line) + " assigns it";
    diagnostic.nearest.clear();
  }
  // A default holds for the whole file, also for resources above it.
  for (Declaration& declaration : parsed_.declarations) {
    const auto defaults = defaults_.find(declaration.type);
    if (defaults != defaults_.end()) add_missing(declaration.attributes, defaults->second);
    if (shared_errors_) declaration.complete = false;
  }
  put_in_order(parsed_.diagnostics);
  return std::move(parsed_);
}

}  // namespace cierzo::manifests
