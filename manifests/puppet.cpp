// Reads Puppet: what the rules of the grammar do, and how reading goes on after a mistake. What the
// text means is in puppet_model.
//
// Where a rule must match and does not, `need` throws a Stop, which the innermost `recovering` rule
// around it catches: of an attribute, a body or a statement. That one reports it and skips to its
// own end.
#include <algorithm>
#include <array>
#include <set>
#include <type_traits>

#include "manifests/number.hpp"
#include "manifests/puppet_advice.hpp"
#include "manifests/puppet_grammar.hpp"
#include "manifests/puppet_model.hpp"
#include "manifests/scalar.hpp"

namespace cierzo::manifests {

namespace grammar {

namespace {

// --- mistakes ---

constexpr std::size_t nowhere = std::string::npos;

// On its way from where something is wrong to the `recovering` rule around it.
struct Stop {
  std::size_t offset;
  std::string what;
  std::string expected;
  std::size_t resume = nowhere;  // where reading goes on, if not at `offset`
  bool last = false;             // what follows is not Puppet: nothing more is said
};

// What the rules work on.
struct Reader {
  const Source& source;
  PuppetModel& model;
  std::string brackets{};           // open where we are
  std::size_t resource_at{0};       // where the resource being read begins
  std::size_t string_at = nowhere;  // the last string that goes over several lines
  std::size_t string_end{0};        // ... and the first byte behind it
  std::set<std::size_t> mistakes{};
  bool rest_is_lost{false};  // a comment without an end, or too many mistakes

  [[nodiscard]] std::size_t offset(const char* place) const {
    return static_cast<std::size_t>(place - source.text().data());
  }
  [[nodiscard]] std::string_view rest(std::size_t offset) const {
    return source.text().substr(offset);
  }

  void report(const Stop& stop) {
    // A second complaint about the same place says nothing new.
    if (rest_is_lost || !mistakes.insert(stop.offset).second) return;
    model.report(mistake(source.at(stop.offset), stop.what, stop.expected));
    rest_is_lost = stop.last || model.too_many_mistakes() || rest(stop.offset).substr(0, 2) == "/*";
  }

  // Where something unexpected follows a string of several lines, that string has swallowed what
  // was meant to stand behind it: its first line is where the quote is missing.
  void blame_string(std::size_t offset) const {
    if (string_at == nowhere || offset < string_end) return;
    const std::string_view between = source.text().substr(string_end, offset - string_end);
    if (between.find_first_not_of(" \t\r\n") != std::string_view::npos) return;
    throw Stop{string_at, "a string",
               std::string("its closing quote (") + source.text()[string_at] +
                   ") seems to be missing: it goes on to line " +
                   std::to_string(source.at(string_end).line),
               source.text().find('\n', string_at)};
  }

  void remember_string(std::size_t begin, std::size_t size) {
    if (source.text().substr(begin, size).find('\n') == std::string_view::npos) return;
    string_at = begin;
    string_end = begin + size;
  }
};

template <typename Rule>
struct Control : normal<Rule> {
  template <typename ParseInput>
  [[noreturn]] static void raise(const ParseInput& in, Reader& reader) {
    const std::size_t offset = reader.offset(in.current());
    const std::string_view rest = reader.rest(offset);
    reader.blame_string(offset);
    std::string what = "unexpected " + token_shown(rest);
    if (reader.model.in_secret()) what = "unexpected text";
    if constexpr (requires { Rule::what; }) what = Rule::what;
    std::string expected = Rule::expected;
    if constexpr (requires { Rule::advice; }) {
      if (const std::string_view better = Rule::advice(rest); !better.empty()) expected = better;
    }
    if constexpr (std::is_same_v<Rule, resource_close>) {
      expected += " in line " + std::to_string(reader.source.at(reader.resource_at).line);
    }
    const bool is_yaml = std::is_same_v<Rule, resource_open> && rest.substr(0, 1) == ":";
    throw Stop{offset, std::move(what), std::move(expected), nowhere, is_yaml};
  }
};

// --- going on after a mistake ---

// Skipped whole, so that brackets and commas inside strings and comments do not count.
struct skipped : sor<plus<space>, line_comment, slash_comment, block_comment, seq<one<'\\'>, any>,
                     single_closed, double_closed, plus<identifier_other>, any> {};
struct at_attribute : at<attribute_name, gap, arrow> {};
struct at_statement : seq<at<sor<alpha, one<'$', '@', ':'>>>,
                          not_at<string<'e', 'l', 's'>, sor<one<'e'>, string<'i', 'f'>>>> {};
struct at_next_resource : at<next_resource> {};
struct at_next_statement : at<gap, at_statement> {};
struct at_continuation : at<gap, sor<seq<string<'e', 'l', 's'>, sor<one<'e'>, string<'i', 'f'>>>,
                                     string<'-', '>'>, string<'~', '>'>>> {};

template <typename Rule, typename Input>
bool matches(Input& in, Reader& reader) {
  return Control<Rule>::template match<apply_mode::nothing, rewind_mode::required, nothing,
                                       Control>(in, reader);
}

// The brackets open where skipping stands. Counts them by kind: looking through them at every token
// would make a megabyte of '[' cost an hour.
class Brackets {
 public:
  explicit Brackets(std::string_view open) {
    for (const char c : open) take(c);
  }

  [[nodiscard]] bool none() const { return open_.empty(); }
  [[nodiscard]] bool in_braces() const { return count_[index('{')] > 0; }

  // Reads one character. False: it closes what was not opened. What was opened after its partner
  // and never closed goes with it.
  bool take(char c) {
    constexpr std::string_view opening = "[{(";
    constexpr std::string_view closing = "]})";
    if (opening.find(c) != std::string_view::npos) {
      open_ += c;
      ++count_[index(c)];
    }
    const std::size_t kind = closing.find(c);
    if (kind == std::string_view::npos) return true;
    if (count_[kind] == 0) return false;
    for (bool found = false; !found; open_.pop_back()) {
      --count_[index(open_.back())];
      found = index(open_.back()) == kind;
    }
    return true;
  }

 private:
  static std::size_t index(char opening) { return opening == '[' ? 0 : opening == '{' ? 1 : 2; }

  std::string open_{};
  std::array<std::size_t, 3> count_{};
};

// To the ',' ';' '}' or next name behind an attribute, or to the ';' or '}' behind a body; not over
// it.
template <Part part, typename Input>
void skip_inside_resource(Input& in, Reader& reader, Brackets open) {
  while (!in.empty()) {
    const char next = in.peek_char();
    if (open.none() && (next == ';' || next == '}')) return;
    if (part == Part::attribute && open.none() && next == ',') return;
    // Only a hash holds `name =>` itself: inside an array it shows that a ']' is missing.
    if (part == Part::attribute && !open.in_braces() && matches<at_attribute>(in, reader)) return;
    if (!open.take(next) && next == '}') return;
    (void)matches<skipped>(in, reader);
  }
}

// Over at least one token, to behind a block, or to a line that begins like a statement.
template <typename Input>
void skip_statement(Input& in, Reader& reader, Brackets open) {
  while (!in.empty()) {
    const char next = in.peek_char();
    const char* const token = in.current();
    (void)open.take(next);
    (void)matches<skipped>(in, reader);
    if (next == '}' && !open.in_braces() && !matches<at_continuation>(in, reader)) {
      // f('x', {}) goes on; [1, 2 { ... } with a new statement behind it lacks a bracket.
      if (open.none() || matches<at_next_statement>(in, reader)) return;
    }
    if (next == ';' && open.none()) return;
    const bool new_line =
        std::string_view(token, static_cast<std::size_t>(in.current() - token)).find('\n') !=
        std::string_view::npos;
    const bool blank_token =
        next == '#' || next == '\n' || next == ' ' || next == '\r' || next == '\t';
    if (new_line && blank_token && open.none() && matches<at_statement>(in, reader)) return;
  }
}

}  // namespace

// Declared in the grammar, and therefore not in the unnamed namespace.
template <typename Rule, Part part>
struct recovering {
  using rule_t = recovering;
  using subs_t = type_list<Rule>;

  template <apply_mode A, rewind_mode, template <typename...> class Action,
            template <typename...> class Control, typename Input>
  [[nodiscard]] static bool match(Input& in, Reader& reader) {
    const PuppetModel::Mark mark = reader.model.mark();
    const std::size_t brackets = reader.brackets.size();
    try {
      try {
        auto start = in.template mark<rewind_mode::required>();  // back there on a Stop
        return start(
            Control<Rule>::template match<A, rewind_mode::active, Action, Control>(in, reader));
      } catch (const Stop& stop) {
        reader.report(stop);
        const std::size_t start_at = reader.offset(in.current());
        const bool later = stop.resume != nowhere && stop.resume > start_at;
        // What is wrong may lie before this part: never back, or the same would be read for ever.
        in.bump((later ? stop.resume : std::max(stop.offset, start_at)) - start_at);
        reader.model.drop_after(mark);
        const Brackets open(std::string_view(reader.brackets).substr(brackets));
        reader.brackets.resize(brackets);
        skip(in, reader, open, reader.offset(in.current()) > start_at);
      }
    } catch (const Stop& stop) {  // skipping met a comment that does not end
      reader.report(stop);
    }
    if (reader.rest_is_lost) in.bump(in.size());
    return true;
  }

 private:
  template <typename Input>
  static void skip(Input& in, Reader& reader, const Brackets& open, bool moved) {
    if constexpr (part == Part::statement) {
      reader.model.abandon_statement();
      if (moved && matches<at_next_resource>(in, reader)) return;
      skip_statement(in, reader, open);
    } else {
      if (part == Part::body) reader.model.abandon_body();
      skip_inside_resource<part>(in, reader, open);
    }
  }
};

namespace {

// --- what the rules do ---

// Functions of the text that a rule matched and of the offset where it begins.

// The text as a message shows it.
std::string quoted_text(std::string_view text, const Reader& reader) {
  return reader.model.in_secret() ? "this value" : "'" + std::string(text) + "'";
}

void check(const Scalar& scalar, std::string_view text, std::size_t offset, Reader& reader) {
  if (!scalar.mistake.empty()) {
    reader.model.report(
        mistake(reader.source.at(offset), quoted_text(text, reader), scalar.mistake));
  }
  reader.model.push(Value{scalar.value.data, reader.source.at(offset)});
}

void on_slash_comment(std::string_view, std::size_t offset, Reader& reader) {
  reader.report({offset, "'//'", "a comment begins with #, or stands between /* and */"});
}

void on_number(std::string_view text, std::size_t offset, Reader& reader) {
  check(read_puppet_number(text), text, offset, reader);
}

void on_word(std::string_view text, std::size_t offset, Reader& reader) {
  check(read_puppet_word(text), text, offset, reader);
}

void on_single_text(std::string_view text, std::size_t offset, Reader& reader) {
  std::string value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 1 < text.size();
    if (escape && (text[i + 1] == '\\' || text[i + 1] == '\'')) ++i;  // any other backslash is one
    value += text[i];
  }
  reader.remember_string(offset - 1, text.size() + 2);
  reader.model.push(Value{std::move(value), reader.source.at(offset - 1)});
}

void on_double_begin(std::string_view, std::size_t, Reader& reader) { reader.model.begin_text(); }

void on_double_closed(std::string_view text, std::size_t offset, Reader& reader) {
  reader.remember_string(offset, text.size());
  reader.model.push_text(offset);
}

void on_plain_text(std::string_view text, std::size_t, Reader& reader) {
  reader.model.append_text(text);
}

void on_escaped(std::string_view text, std::size_t offset, Reader& reader) {
  constexpr std::string_view letters = "nrts";
  constexpr std::string_view meanings = "\n\r\t ";
  const char letter = text[1];
  const std::size_t known = letters.find(letter);
  if (known != std::string_view::npos) {
    reader.model.append_text(meanings.substr(known, 1));
  } else if (letter == '\\' || letter == '$' || letter == '"' || letter == '\'') {
    reader.model.append_text(text.substr(1));
  } else if (text.back() != '\n') {  // an escaped end of line is nothing at all
    reader.model.append_text(text);
    const std::string why = letter == 'u' ? "expected four hexadecimal digits, or {digits}"
                                          : "is no escape and stays as it is; a backslash is \\\\";
    const std::string_view shown_letter =
        static_cast<unsigned char>(letter) < 0x80 ? text : text.substr(0, 1);
    reader.model.report(
        warning(reader.source.at(offset), "'" + std::string(shown_letter) + "'", why));
  }
}

void on_code_point(std::string_view text, std::size_t offset, Reader& reader) {
  std::string_view digits = text.substr(2);
  if (digits.front() == '{') digits = digits.substr(1, digits.size() - 2);
  std::string character;
  const std::optional<std::int64_t> code_point = parse_integer(digits, 16, false);
  if (!append_utf8(character, static_cast<unsigned long>(code_point.value_or(0)))) {
    reader.model.report(mistake(reader.source.at(offset), "'" + std::string(text) + "'",
                                "is no character that a text can hold"));
  }
  reader.model.append_text(character);
}

void on_text_variable(std::string_view text, std::size_t offset, Reader& reader) {
  const std::size_t first = text.find_first_not_of("${ \t\r\n\v\f");
  const std::size_t end = text.find_first_of("} \t\r\n\v\f", first);
  reader.model.append_variable(text.substr(first, end - first), offset);
}

void on_braced_expression(std::string_view text, std::size_t offset, Reader& reader) {
  reader.model.report(mistake(reader.source.at(offset), quoted_text(text.substr(0, 40), reader),
                              "expected a variable's name in ${}, nothing is computed there"));
}

void on_variable(std::string_view text, std::size_t offset, Reader& reader) {
  reader.model.push_variable(text.substr(1), offset);
}

void on_collection_open(std::string_view text, std::size_t offset, Reader& reader) {
  if (!reader.model.open_collection(offset)) {
    throw Stop{offset, "nested too deep",
               "at most " + std::to_string(value_nesting_max) + " levels"};
  }
  reader.brackets += text;
}

void on_array_close(std::string_view, std::size_t, Reader& reader) {
  reader.brackets.pop_back();
  reader.model.close_array();
}

void on_hash_close(std::string_view, std::size_t, Reader& reader) {
  reader.brackets.pop_back();
  reader.model.close_hash();
}

void on_type(std::string_view text, std::size_t offset, Reader& reader) {
  const std::string_view name = text.substr(0, 2) == "::" ? text.substr(2) : text;
  const std::string what = "'" + std::string(text) + "'";
  if (const std::string_view advice = keyword_advice(name); !advice.empty()) {
    throw Stop{offset, what, std::string(advice)};
  }
  if (!is_type_name(name)) throw Stop{offset, what, "is no name of a type"};
  reader.model.begin_resource(name);
}

void on_defaults_type(std::string_view text, std::size_t, Reader& reader) {
  reader.model.begin_defaults(text);
}

void on_resource_open(std::string_view text, std::size_t offset, Reader& reader) {
  reader.resource_at = offset;
  reader.brackets += text;
}
void on_resource_close(std::string_view, std::size_t, Reader& reader) {
  reader.brackets.pop_back();
}

void on_attribute_name(std::string_view text, std::size_t offset, Reader& reader) {
  reader.model.begin_attribute(text, offset);
}

void on_assigned_name(std::string_view text, std::size_t offset, Reader& reader) {
  reader.model.begin_assignment(text, offset - 1);
}

template <void (*act)(std::string_view, std::size_t, Reader&)>
struct Does {
  template <typename ActionInput>
  static void apply(const ActionInput& in, Reader& reader) {
    act(in.string_view(), reader.offset(in.begin()), reader);
  }
};

// A rule whose end is all that counts.
template <void (PuppetModel::*act)()>
struct Ends {
  static void apply0(Reader& reader) { (reader.model.*act)(); }
};

// clang-format off
template <typename Rule> struct Action : nothing<Rule> {};
template <> struct Action<slash_comment> : Does<on_slash_comment> {};
template <> struct Action<number> : Does<on_number> {};
template <> struct Action<word> : Does<on_word> {};
template <> struct Action<variable> : Does<on_variable> {};
template <> struct Action<single_text> : Does<on_single_text> {};
template <> struct Action<double_begin> : Does<on_double_begin> {};
template <> struct Action<double_closed> : Does<on_double_closed> {};
template <> struct Action<plain_text> : Does<on_plain_text> {};
template <> struct Action<lone_dollar> : Does<on_plain_text> {};
template <> struct Action<escaped> : Does<on_escaped> {};
template <> struct Action<escaped_unicode> : Does<on_code_point> {};
template <> struct Action<escaped_code_point> : Does<on_code_point> {};
template <> struct Action<braced_variable> : Does<on_text_variable> {};
template <> struct Action<bare_variable> : Does<on_text_variable> {};
template <> struct Action<braced_expression> : Does<on_braced_expression> {};
template <> struct Action<array_open> : Does<on_collection_open> {};
template <> struct Action<array_close> : Does<on_array_close> {};
template <> struct Action<hash_open> : Does<on_collection_open> {};
template <> struct Action<hash_close> : Does<on_hash_close> {};
template <> struct Action<resource_type> : Does<on_type> {};
template <> struct Action<defaults_type> : Does<on_defaults_type> {};
template <> struct Action<resource_open> : Does<on_resource_open> {};
template <> struct Action<resource_close> : Does<on_resource_close> {};
template <> struct Action<attribute_name> : Does<on_attribute_name> {};
template <> struct Action<assigned_name> : Does<on_assigned_name> {};
template <> struct Action<default_title> : Ends<&PuppetModel::title_is_default> {};
template <> struct Action<plain_title> : Ends<&PuppetModel::end_title> {};
template <> struct Action<attribute> : Ends<&PuppetModel::end_attribute> {};
template <> struct Action<body> : Ends<&PuppetModel::end_body> {};
template <> struct Action<resource> : Ends<&PuppetModel::end_resource> {};
template <> struct Action<defaults> : Ends<&PuppetModel::end_defaults> {};
template <> struct Action<assignment> : Ends<&PuppetModel::end_assignment> {};
// clang-format on

Parsed read(const Source& source) {
  PuppetModel model(source);
  if (std::optional<Diagnostic> defect = source.defect()) {
    model.report(*std::move(defect));
    return model.finish();
  }
  Reader reader{source, model};
  const std::string_view text = source.text();
  memory_input<tracking_mode::lazy, eol::lf_crlf, std::string> in(text.data(),
                                                                  text.data() + text.size(), "");
  try {
    (void)tao::pegtl::parse<program, Action, Control>(in, reader);
  } catch (const Stop& stop) {  // between statements: a comment that does not end
    reader.report(stop);
  }
  return model.finish();
}

}  // namespace

}  // namespace grammar

Parsed parse_puppet(std::string_view text, std::string file_name) {
  return grammar::read(Source(text, std::move(file_name)));
}

}  // namespace cierzo::manifests
