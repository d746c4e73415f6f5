// The grammar of the Puppet subset, in PEGTL. Included by puppet.cpp alone, which says what the
// rules do; no other file includes PEGTL.
//
// A rule that
// somebody needs has `expected`: what a message says should have stood there. `advice` may know
// better, from what stands there instead.
#pragma once

#include <tao/pegtl.hpp>

#include "manifests/puppet_advice.hpp"

namespace cierzo::manifests::grammar {

using namespace tao::pegtl;

template <typename Rule>
struct need : sor<Rule, raise<Rule>> {};

struct line_comment : seq<one<'#'>, until<eolf>> {};
struct closed_comment : seq<string<'/', '*'>, until<string<'*', '/'>>> {
  static constexpr const char* what = "a comment";
  static constexpr const char* expected = "its end (*/) is missing";
};
struct block_comment : seq<at<string<'/', '*'>>, need<closed_comment>> {};
// Not Puppet's, but many hands write it: one mistake, and the line is a comment all the same.
struct slash_comment : seq<two<'/'>, until<eolf>> {};
struct gap : star<sor<plus<space>, line_comment, slash_comment, block_comment>> {};
struct comma : seq<one<','>, gap> {};

// A word or number takes in more than Puppet's have: an unquoted node1.example.org or 10.0.0.1 is
// one mistake, not four.
struct word : seq<opt<two<':'>>, sor<lower, one<'_'>>,
                  star<sor<identifier_other, seq<two<':'>, at<identifier_other>>,
                           seq<plus<one<'-', '.', '/'>>, at<identifier_other>>>>> {};
struct number
    : seq<opt<one<'-'>, star<blank>>, digit,
          star<sor<identifier_other, seq<one<'.', '-', '/', ':'>, at<identifier_other>>>>> {};
struct reference : upper {
  static constexpr const char* expected =
      "references and names of types are no values here; in quotes it is a string";
};
struct no_reference : seq<at<upper>, raise<reference>> {};
struct variable_name : seq<opt<two<':'>>, list<plus<identifier_other>, two<':'>>> {
  static constexpr const char* expected = "expected a variable's name after '$'";
};
struct variable : seq<one<'$'>, need<variable_name>> {};

struct single_text : star<sor<seq<one<'\\'>, any>, not_one<'\'', '\\'>>> {};
struct single_closed : seq<one<'\''>, single_text, one<'\''>> {
  static constexpr const char* what = "a string";
  static constexpr const char* expected = "its closing quote (') is missing";
};
struct single_quoted : seq<at<one<'\''>>, need<single_closed>> {};

struct escaped_unicode : seq<string<'\\', 'u'>, rep<4, xdigit>> {};
struct escaped_code_point : seq<string<'\\', 'u', '{'>, rep_min_max<1, 6, xdigit>, one<'}'>> {};
struct escaped : seq<one<'\\'>, sor<string<'\r', '\n'>, any>> {};
struct plain_text : plus<not_one<'\\', '"', '$'>> {};
struct lone_dollar : one<'$'> {};
struct braced_variable
    : seq<string<'$', '{'>, star<space>, opt<one<'$'>>, variable_name, star<space>, one<'}'>> {};
struct braced_expression : seq<string<'$', '{'>, star<not_one<'}', '"', '\n'>>, opt<one<'}'>>> {};
struct bare_variable : seq<one<'$'>, variable_name> {};
struct double_begin : one<'"'> {};
struct double_closed
    : seq<double_begin,
          star<sor<plain_text, escaped_unicode, escaped_code_point, escaped, braced_variable,
                   braced_expression, bare_variable, lone_dollar>>,
          one<'"'>> {
  static constexpr const char* what = "a string";
  static constexpr const char* expected = "its closing quote (\") is missing";
};
struct double_quoted : seq<at<one<'"'>>, need<double_closed>> {};

struct array;
struct hash;
struct value
    : sor<single_quoted, double_quoted, array, hash, variable, number, word, no_reference> {
  static constexpr const char* expected = "expected a value";
  static constexpr auto advice = value_advice;
};
struct element : seq<value, gap> {};
struct array_open : one<'['> {};
struct array_close : one<']'> {
  static constexpr const char* expected = "expected ',' or ']'";
  static constexpr auto advice = operator_advice;
};
struct array : seq<array_open, gap, opt<list<element, comma>>, opt<comma>, need<array_close>> {};
struct arrow : string<'=', '>'> {
  static constexpr const char* expected = "expected '=>'";
  static constexpr auto advice = arrow_advice;
};
struct hash_open : one<'{'> {};
struct hash_close : one<'}'> {
  static constexpr const char* expected = "expected ',' or '}'";
  static constexpr auto advice = operator_advice;
};
struct pair : seq<element, need<arrow>, gap, need<value>, gap> {};
struct hash : seq<hash_open, gap, opt<list<pair, comma>>, opt<comma>, need<hash_close>> {};

// Each of these may fail without taking its neighbours with it.
enum class Part { attribute, body, statement };
template <typename Rule, Part part>
struct recovering;

struct attribute_name : sor<seq<lower, star<identifier_other>>, one<'*'>> {
  static constexpr const char* expected = "expected an attribute's name";
  static constexpr auto advice = name_advice;
};
struct attribute_end : at<one<',', ';', '}'>> {
  static constexpr const char* expected = "expected ',' or '}' after an attribute";
  static constexpr auto advice = operator_advice;
};
struct attribute
    : seq<need<attribute_name>, gap, need<arrow>, gap, need<value>, gap, need<attribute_end>> {};
// Another resource where one is not finished: the '}' before it is missing.
struct resource_type : seq<opt<two<':'>>, lower, star<sor<identifier_other, two<':'>>>> {};
struct next_resource : seq<resource_type, gap, one<'{'>, gap,
                           sor<one<'['>, seq<sor<single_closed, double_closed>, gap, one<':'>>>> {};
struct attributes : star<not_at<sor<one<'}', ';'>, eof, next_resource>>,
                         recovering<attribute, Part::attribute>, opt<comma>, gap> {};

struct default_title : seq<string<'d', 'e', 'f', 'a', 'u', 'l', 't'>, at<gap, one<':'>>> {};
struct plain_title : seq<value> {
  static constexpr const char* expected = "expected a title in quotes";
};
struct colon : one<':'> {
  static constexpr const char* expected = "expected ':' after the title";
};
struct body : seq<sor<default_title, need<plain_title>>, gap, need<colon>, gap, attributes> {};
struct semicolon : seq<one<';'>, gap> {};
struct next_body
    : seq<semicolon, not_at<sor<one<'}'>, next_resource>>, recovering<body, Part::body>> {};
struct bodies : seq<recovering<body, Part::body>, star<next_body>> {};

struct resource_open : one<'{'> {
  static constexpr const char* expected = "expected '{', as in: type { 'title': name => value }";
  static constexpr auto advice = statement_advice;
};
struct resource_close : one<'}'> {
  static constexpr const char* expected = "expected '}' at the end of the resource";
};
struct unchained
    : not_at<sor<string<'-', '>'>, string<'~', '>'>, string<'<', '-'>, string<'<', '~'>>> {
  static constexpr const char* expected =
      "resources are not chained; the order follows from the roles of their type";
};
struct resource : seq<resource_type, gap, need<resource_open>, gap, bodies, opt<semicolon>,
                      need<resource_close>, gap, need<unchained>> {};
struct defaults_type : seq<upper, star<sor<identifier_other, two<':'>>>> {};
struct untitled : not_at<one<'\'', '"'>> {
  static constexpr const char* expected =
      "defaults have no title; in a resource the type is written in lower case";
};
struct defaults : seq<defaults_type, gap, need<resource_open>, gap, need<untitled>, attributes,
                      need<resource_close>, gap, need<unchained>> {};

struct assigned_name : variable_name {};
struct equals : seq<one<'='>, not_at<one<'=', '>', '~'>>> {
  static constexpr const char* expected = "expected '='";
};
struct assignment_end : at<sor<eof, one<';', '$', '@', '}', ':', '_', '\'', '"'>, alpha>> {
  static constexpr const char* expected = "expected the end of the assignment";
  static constexpr auto advice = operator_advice;
};
struct assignment : seq<one<'$'>, need<assigned_name>, gap, need<equals>, gap, need<value>, gap,
                        need<assignment_end>> {};

struct plain_resource : not_at<one<'@'>> {
  static constexpr const char* expected =
      "virtual and exported resources are not read; write the resource without '@'";
};
struct statement
    : seq<need<plain_resource>, sor<assignment, resource, defaults, raise<statement>>> {
  static constexpr const char* expected =
      "expected a resource, as in: type { 'title': name => value }";
};
struct program
    : seq<gap, star<not_at<eof>, recovering<statement, Part::statement>, gap, opt<semicolon>>> {};

}  // namespace cierzo::manifests::grammar
