// Looks at every field of our structures, so that a test of the codec cannot forget one: a field
// that is added to a structure does not compile here until its number is corrected, and then the
// codec's test fails until it is carried.
#pragma once
#include <sstream>
#include <tuple>

#include "agent/net/codec.hpp"

namespace cierzo::fields {

template <class T>
inline constexpr int count = 0;

template <>
inline constexpr int count<Term> = 2;
template <>
inline constexpr int count<Stamp> = 2;
template <>
inline constexpr int count<BootTime> = 2;
template <>
inline constexpr int count<election::Timing> = 7;
template <>
inline constexpr int count<election::Longest> = 3;
template <>
inline constexpr int count<election::CatalogChange> = 2;
template <>
inline constexpr int count<election::Catalog> = 2;
template <>
inline constexpr int count<election::CatalogDelta> = 4;
template <>
inline constexpr int count<election::Configuration> = 3;
template <>
inline constexpr int count<election::Election> = 3;
template <>
inline constexpr int count<election::Answer> = 3;
template <>
inline constexpr int count<election::Coordinator> = 3;
template <>
inline constexpr int count<election::Accept> = 7;
template <>
inline constexpr int count<election::Refuse> = 4;
template <>
inline constexpr int count<election::Heartbeat> = 6;
template <>
inline constexpr int count<election::HeartbeatAck> = 13;
template <>
inline constexpr int count<election::Store> = 3;
template <>
inline constexpr int count<election::Stored> = 3;
template <>
inline constexpr int count<election::Release> = 1;
template <>
inline constexpr int count<election::Fetch> = 1;
template <>
inline constexpr int count<election::FetchReply> = 2;
template <>
inline constexpr int count<election::StateQuery> = 3;
template <>
inline constexpr int count<election::StateAnswer> = 5;
template <>
inline constexpr int count<election::Found> = 1;
template <>
inline constexpr int count<election::MembersNews> = 3;
template <>
inline constexpr int count<election::Message> = 2;
template <>
inline constexpr int count<election::Record> = 12;
template <>
inline constexpr int count<Instance> = 14;
template <>
inline constexpr int count<ScriptInput> = 3;
template <>
inline constexpr int count<StartVm> = 3;
template <>
inline constexpr int count<StopVm> = 3;
template <>
inline constexpr int count<ResetVm> = 1;
template <>
inline constexpr int count<Resume> = 3;
template <>
inline constexpr int count<Configure> = 6;
template <>
inline constexpr int count<Member> = 4;
template <>
inline constexpr int count<RunScript> = 7;
template <>
inline constexpr int count<RoleCheck> = 6;
template <>
inline constexpr int count<Attend> = 4;
template <>
inline constexpr int count<ForgetFailures> = 2;
template <>
inline constexpr int count<Breaker> = 6;
template <>
inline constexpr int count<Action> = 4;
template <>
inline constexpr int count<Failure> = 3;
template <>
inline constexpr int count<RoleObserved> = 14;
template <>
inline constexpr int count<Joined> = 4;
template <>
inline constexpr int count<Observed> = 22;
template <>
inline constexpr int count<Unfinished> = 2;
template <>
inline constexpr int count<Report> = 21;
template <>
inline constexpr int count<Hello> = 4;
template <>
inline constexpr int count<Command> = 5;
template <>
inline constexpr int count<CommandResult> = 4;
template <>
inline constexpr int count<ReportRequest> = 1;
template <>
inline constexpr int count<Forward> = 7;
template <>
inline constexpr int count<ForwardAnswer> = 3;
template <>
inline constexpr int count<Slot> = 3;
template <>
inline constexpr int count<Resource> = 18;
template <>
inline constexpr int count<HeldRecord> = 1;

// The fields as a tuple of references.
template <class T>
auto all(T& x) {
  constexpr int n = count<std::remove_const_t<T>>;
  // clang-format off
  if constexpr (n == 1) { auto& [a] = x; return std::tie(a); }
  else if constexpr (n == 2) { auto& [a, b] = x; return std::tie(a, b); }
  else if constexpr (n == 3) { auto& [a, b, c] = x; return std::tie(a, b, c); }
  else if constexpr (n == 4) { auto& [a, b, c, d] = x; return std::tie(a, b, c, d); }
  else if constexpr (n == 5) { auto& [a, b, c, d, e] = x; return std::tie(a, b, c, d, e); }
  else if constexpr (n == 6) { auto& [a, b, c, d, e, f] = x; return std::tie(a, b, c, d, e, f); }
  else if constexpr (n == 7) {
    auto& [a, b, c, d, e, f, g] = x;
    return std::tie(a, b, c, d, e, f, g);
  } else if constexpr (n == 9) {
    auto& [a, b, c, d, e, f, g, h, i] = x;
    return std::tie(a, b, c, d, e, f, g, h, i);
  } else if constexpr (n == 11) {
    auto& [a, b, c, d, e, f, g, h, i, j, k] = x;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k);
  } else if constexpr (n == 12) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l] = x;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l);
  } else if constexpr (n == 13) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = x;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m);
  } else if constexpr (n == 14) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o] = x;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o);
  } else if constexpr (n == 18) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s] = x;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s);
  } else if constexpr (n == 22) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w] = x;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w);
  } else {
    static_assert(n == 21);
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v] = x;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v);
  }
  // clang-format on
}

// Gives every field a value that nothing else has, none of them the default.
class Filler {
 public:
  void fill(bool& x) { x = true; }
  void fill(double& x) { x = 0.25; }
  void fill(std::string& x) { x = "text-" + std::to_string(++last_); }
  void fill(Duration& x) { x = Duration(++last_); }
  void fill(RemoveDisk& /*nothing*/) {}
  // A timing must be a possible one, on the wire as in a file.
  void fill(election::Timing& x) {
    x = election::fast_timing();
    x.permit += Duration(++last_);
    x.destroy_after += Duration(++last_);
    x.guard_delay += Duration(++last_);
    x.drift = 0.02;
  }
  // One that is about a member: others have none.
  void fill(ScriptKind& x) { x = ScriptKind::join; }
  template <class T>
  requires std::is_integral_v<T>
  void fill(T& x) { x = static_cast<T>(++last_); }
  // The last enumerator known to all of these; 1 is never a default here.
  template <class T>
  requires std::is_enum_v<T>
  void fill(T& x) { x = static_cast<T>(1); }
  template <class Tag, class T>
  void fill(Id<Tag, T>& x) {
    fill(x.value);
  }
  template <class T>
  void fill(std::optional<T>& x) {
    fill(x.emplace());
  }
  template <class T>
  void fill(std::vector<T>& x) {
    x.resize(2);
    for (T& one : x) fill(one);
  }
  template <class T>
  void fill(std::set<T>& x) {
    T one{};
    fill(one);
    x.insert(one);
  }
  template <class Key, class T>
  void fill(std::map<Key, T>& x) {
    for (int i = 0; i < 2; ++i) {
      Key key{};
      fill(key);
      fill(x[key]);
    }
  }
  template <class... T>
  void fill(std::variant<T...>& x) {
    std::visit([this](auto& one) { fill(one); }, x);
  }
  template <class T>
  requires(count<T> > 0) void fill(T& x) {
    std::apply([this](auto&... field) { (fill(field), ...); }, all(x));
  }

 private:
  int last_ = 0;
};

// Everything in a value, as text.
class Dump {
 public:
  template <class T>
  static std::string of(const T& x) {
    Dump dump;
    dump.add(x);
    return dump.out_.str();
  }

 private:
  void add(const std::string& x) { out_ << '"' << x << "\" "; }
  void add(const Duration& x) { out_ << x.count() << "ns "; }
  void add(const RemoveDisk& /*nothing*/) { out_ << "remove_disk "; }
  template <class T>
  requires std::is_arithmetic_v<T>
  void add(const T& x) { out_ << x << ' '; }
  template <class T>
  requires std::is_enum_v<T>
  void add(const T& x) { out_ << static_cast<int>(x) << ' '; }
  template <class Tag, class T>
  void add(const Id<Tag, T>& x) {
    add(x.value);
  }
  template <class T>
  void add(const std::optional<T>& x) {
    out_ << "? ";
    if (x) add(*x);
  }
  template <class T>
  requires requires(const T& x) { x.begin(); }
  void add(const T& x) {
    out_ << "[ ";
    for (const auto& one : x) add(one);
    out_ << "] ";
  }
  template <class A, class B>
  void add(const std::pair<A, B>& x) {
    add(x.first);
    add(x.second);
  }
  template <class... T>
  void add(const std::variant<T...>& x) {
    out_ << '#' << x.index() << ' ';
    std::visit([this](const auto& one) { add(one); }, x);
  }
  template <class T>
  requires(count<T> > 0) void add(const T& x) {
    out_ << "{ ";
    std::apply([this](const auto&... field) { (add(field), ...); }, all(x));
    out_ << "} ";
  }

  std::ostringstream out_;
};

}  // namespace cierzo::fields
