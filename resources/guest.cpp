#include "resources/guest.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <sstream>

namespace cierzo {
namespace {

// The same text as one word of the shell. Inside single quotes everything but the quote itself
// stands for itself, newlines and $ included.
std::string quoted(std::string_view text) {
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'') {
      word += "'\\''";
    } else {
      word += c;
    }
  }
  return word + "'";
}

// Facts are kept in files of one line: "BOOT DIGEST" and "KIND BOOT DIGEST". A file that is empty
// or half written (the guest was killed meanwhile) reads as no fact, so the work is done again.
constexpr std::string_view prelude = R"sh(umask 022
cd /
[ -d /run/cierzo/roles ] || mkdir -p /run/cierzo/roles || exit 1
read -r cierzo_boot </proc/sys/kernel/random/boot_id || exit 1
)sh";

// How the script wants to be run: the words after `#!`, none for a POSIX shell.
std::string interpreter_of(const std::string& text) {
  if (text.rfind("#!", 0) != 0) return {};
  const auto end = text.find_first_of("\r\n");
  const std::string words = text.substr(2, end == std::string::npos ? end : end - 2);
  std::istringstream in(words);
  std::string program, argument;
  in >> program >> argument;
  const bool shell = program == "/bin/sh" || program == "/usr/bin/sh" ||
                     (program == "/usr/bin/env" && argument == "sh");
  if (program.empty() || shell) return {};
  return quoted(program) + (argument.empty() ? "" : " " + quoted(argument));
}

// Runs the text in a process of its own. It is no operand of || or `if`, because `set -e` has no
// effect inside those.
std::string run_text(const std::string& text, const std::string& file) {
  const std::string interpreter = interpreter_of(text);
  if (interpreter.empty()) return "(eval " + quoted(text) + ")\n";
  return "printf %s " + quoted(text) + " >" + file + " || exit 1\n" + interpreter + " " + file +
         "\n";
}

// An agent that was restarted, or another leader, does not know that a script still runs here: the
// second run waits for the first, and has nothing to do where the first did the same work. The lock
// names the last run that had it: its process, and the variable that only this run has in its
// environment (guest_agent.cpp). So it counts only while that process lives: not after a kill, nor
// because of what the script left behind. (No flock: Debian's busybox has none.)
//
// The lock is never removed and never half written. Who finds the last run ended claims to be the
// next after *that* run, by `ln`, which only one can; then it looks whether the lock still names
// that run, and puts its own name there, by `mv`. A claim is removed only after the lock was
// changed, so whoever gets a claim that was free again sees that. A run that was killed with a
// claim, and is not the last yet, is followed like any other.
constexpr std::string_view lock_part = R"sh(mine=$lock.new.$$
name_in() {
  name=
  { read -r name <"$1"; } 2>/dev/null
}
lives() {
  run=${name#* }
  [ -n "$run" ] && grep -qs "CIERZO_RUN=$run" "/proc/${name%% *}/environ"
}
take_lock() {
  name_in "$lock"
  last=$name claims=
  until lives; do
    claim=$lock.after.${name%% *}.${name#* }
    claims="$claims $claim"
    if ln "$mine" "$claim" 2>/dev/null; then
      name_in "$lock"
      if [ "$name" != "$last" ]; then
        rm -f "$claim"
        return 1
      fi
      mv -f "$mine" "$lock" && rm -f $claims
      return
    fi
    name_in "$claim"
    [ -n "$name" ] || return 1
  done
  return 1
}
rm -f "$mine"
if ! error=$({ echo "$$ $CIERZO_RUN" >"$mine"; } 2>&1); then
  echo "cannot write $lock: $error"
  rm -f "$mine"
  exit 1
fi
waited=no
tries=0
until take_lock; do
  if lives; then
    [ $waited = yes ] || echo "waits for an earlier run of a script of this role"
    waited=yes
    sleep 1
  elif [ $tries -lt 100 ]; then
    tries=$((tries + 1))
  else
    echo "cannot write $lock: $(ln "$mine" "$claim" 2>&1)"
    rm -f "$mine"
    exit 1
  fi
done
if [ $waited = yes ] && [ -f "$fact" ] && read -r kind when digest <"$fact" &&
  [ "$kind $when $digest" = "$doing $cierzo_boot $inputs" ]; then
  echo "which did the work"
  exit 0
fi
)sh";

std::string first_line(std::string_view kind, std::string_view role, std::string_view digest,
                       const std::string& more = {}) {
  std::string line = "# cierzo ";
  line.append(kind);
  for (const std::string_view word : {role, digest, std::string_view(more)}) {
    if (!word.empty()) line.append(" ").append(word);
  }
  return line + "\n";
}

// As it is written down: "f-node-2 node 10.0.0.12 2".
std::string words_of(const Member& member) {
  return member.name.value + " " + member.role.value + " " + member.address + " " +
         std::to_string(member.index);
}

// What is done before and after the text of each kind of script.
struct Around {
  std::string_view before, after;
};

// From here on it is not stopped or drained any more, whatever comes of it. What it says about
// itself counts when it has worked: only root reads it, since it may be a secret.
constexpr Around around_start{
    R"sh([ -f "$fact" ] && read -r kind rest <"$fact" && [ "$kind" != start ] && : >"$fact"
(umask 077; mkdir -p /run/cierzo/outputs && : >"$said.new") || exit 1
export CIERZO_OUTPUTS="$said.new"
)sh",
    R"sh(lines=0
while IFS= read -r line; do
  key=${line%%=*}
  lines=$((lines + 1))
  case $key in
    "$line" | '' | [!a-zA-Z]* | *[!a-zA-Z0-9_]*)
      echo "an output must be KEY=VALUE, not: $line"
      exit 1
      ;;
  esac
  if [ ${#line} -gt 1024 ] || [ $lines -gt 32 ]; then
    echo "outputs are at most 32 lines of 1024 characters: $key"
    exit 1
  fi
done <"$said.new"
mv -f "$said.new" "$said" || exit 1
printf '%s\n' "start $cierzo_boot $inputs" >"$fact"
)sh"};

constexpr Around around_stop{"", R"sh(printf '%s\n' "stop $cierzo_boot $inputs" >"$fact"
)sh"};

// It is not started any more: its checks end, and where it is wanted again it is started again.
constexpr Around around_drain{R"sh(read -r since rest </proc/uptime
since=${since%%.*}
if [ -f "$fact" ] && read -r kind when asked <"$fact" && [ "$when" = "$cierzo_boot" ]; then
  case $kind in drain*) since=$asked ;; esac
fi
printf '%s\n' "drain $cierzo_boot $since" >"$fact" || exit 1
)sh",
                              R"sh(printf '%s\n' "drained $cierzo_boot $since" >"$fact"
)sh"};

// Written down before it is tried: what half of a join has made is undone by `leave` as well.
constexpr Around around_join{R"sh(keep() {
  printf '%s\n' "$cierzo_boot $1 $member" >"$folder/.new" && mv -f "$folder/.new" "$folder/$name"
}
folder=/var/lib/cierzo/members/$role
mkdir -p "$folder" && keep - || exit 1
)sh",
                             R"sh(keep "$inputs"
)sh"};

constexpr Around around_leave{"", R"sh(rm -f "/var/lib/cierzo/members/$role/$name"
)sh"};

const Around& around(ScriptKind kind) {
  switch (kind) {
    case ScriptKind::start:
      return around_start;
    case ScriptKind::stop:
      return around_stop;
    case ScriptKind::drain:
      return around_drain;
    case ScriptKind::join:
      return around_join;
    case ScriptKind::leave:
      return around_leave;
  }
  std::abort();
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Finds $dev, gives it $address/$prefix and the route.
constexpr std::string_view network_part = R"sh(
dev=
devices=
count=0
for folder in /sys/class/net/*; do
  if [ -e "$folder/device" ]; then
    count=$((count + 1))
    devices="$devices ${folder##*/}"
  fi
  read -r found <"$folder/address" || continue
  [ -n "$mac" ] && [ "$found" = "$mac" ] && dev=${folder##*/} && break
done
if [ -z "$dev" ] && { [ -z "$mac" ] || [ $count = 1 ]; }; then
  for dev in $devices; do break; done
fi
if [ -z "$dev" ]; then
  echo "no network interface has the MAC '$mac'; the devices are:$devices"
  exit 1
fi
case "$(ip -4 addr show dev "$dev")" in
  *" $address/$prefix "*) ip link set dev "$dev" up || exit 1 ;;
  *)
    ip -4 addr flush dev "$dev"
    ip link set dev "$dev" up || exit 1
    ip addr add "$address/$prefix" brd + dev "$dev" || exit 1
    # Switches may still know this MAC behind the host it ran on before.
    command -v arping >/dev/null && arping -q -A -c 1 -I "$dev" "$address" >/dev/null 2>&1 &
    ;;
esac
if [ -n "$gateway" ]; then
  ip route replace default via "$gateway" dev "$dev" || exit 1
fi
)sh";

constexpr std::string_view names_part = R"sh(
# Readers see the old file or the new one, never half of one.
put() {
  rm -f "$1.cierzo" && printf %s "$2" >"$1.cierzo" && mv -f "$1.cierzo" "$1"
}
put /etc/hosts "$hosts" || exit 1
if [ -n "$resolv" ]; then put /etc/resolv.conf "$resolv" || exit 1; fi
put /etc/hostname "$hostname
" || exit 1
printf '%s\n' "$hostname" >/proc/sys/kernel/hostname || exit 1
printf '%s\n' "$cierzo_boot $digest" >/run/cierzo/network
)sh";

}  // namespace

std::string configure_script(const Configure& configure, const GuestNetwork& network,
                             const std::string& mac) {
  std::string resolv;
  for (const auto& server : network.dns) resolv += "nameserver " + server + "\n";
  std::string text = first_line("configure", "", configure.digest);
  text += prelude;
  text += "mac=" + quoted(lower(mac)) + "\n";
  text += "address=" + quoted(configure.address) + "\n";
  text += "prefix=" + std::to_string(network.prefix) + "\n";
  text += "gateway=" + quoted(network.gateway) + "\n";
  text += "hostname=" + quoted(configure.hostname) + "\n";
  text += "hosts=" + quoted(configure.hosts_file) + "\n";
  text += "resolv=" + quoted(resolv) + "\n";
  text += "digest=" + quoted(configure.digest) + "\n";
  text += network_part;
  text += names_part;
  return text;
}

std::string role_script(const RunScript& run) {
  const std::string kind(to_string(run.kind));
  const bool tells = run.kind == ScriptKind::join || run.kind == ScriptKind::leave;
  std::string text =
      first_line(kind, run.role.value, run.input.digest, tells ? words_of(run.member) : "");
  text += prelude;
  text += "doing=" + kind + " inputs=" + quoted(run.input.digest) + "\n";
  text += "fact=" + quoted("/run/cierzo/roles/" + run.role.value) + "\n";
  text += "lock=" + quoted("/run/cierzo/" + run.role.value + ".lock") + "\n";
  text += "said=" + quoted("/run/cierzo/outputs/" + run.role.value) + "\n";
  text += lock_part;
  // Only root reads it: attributes may be secrets.
  text += "(umask 077; printf %s " + quoted(run.input.json) +
          " >/run/cierzo/resource.json.new) &&\n"
          "  mv -f /run/cierzo/resource.json.new /run/cierzo/resource.json || exit 1\n";
  if (tells) {
    const std::string record = run.member.name.value + "." + run.member.role.value;
    text += "role=" + quoted(run.role.value) + " name=" + quoted(record) +
            " member=" + quoted(words_of(run.member)) + "\n";
  }
  text += around(run.kind).before;
  text += run_text(run.text, quoted("/run/cierzo/" + run.role.value + "." + kind));
  text += "status=$?\n[ $status = 0 ] || exit $status\n";
  text += around(run.kind).after;
  return text;
}

namespace {

std::string watching_script(const std::string& kind, const RoleCheck& check) {
  std::string text = first_line(kind, check.role.value, "");
  if (interpreter_of(check.text).empty()) return text + "cd /\n" + check.text + "\n";
  text += prelude;
  return text + run_text(check.text, quoted("/run/cierzo/" + check.role.value + "." + kind));
}

}  // namespace

std::string check_script(const RoleCheck& check) { return watching_script("check", check); }

std::string metrics_script(const RoleCheck& metrics) { return watching_script("metrics", metrics); }

std::string probe_script() {
  // The boot id comes last: of long outputs the last lines are kept, and without it nothing counts.
  return first_line("probe", "", "") + R"sh(read -r boot </proc/sys/kernel/random/boot_id || exit 1
read -r up rest </proc/uptime
for record in /var/lib/cierzo/members/*/*; do
  [ -f "$record" ] && read -r when digest who <"$record" || continue
  [ "$when" = "$boot" ] || digest=-
  on=${record%/*}
  echo "member ${on##*/} $digest $who"
done
for fact in /run/cierzo/roles/*; do
  [ -f "$fact" ] && read -r kind when digest <"$fact" || continue
  [ "$when" = "$boot" ] || continue
  echo "$kind ${fact##*/} $digest"
  [ "$kind" = start ] && [ -s "/run/cierzo/outputs/${fact##*/}" ] || continue
  while IFS= read -r line; do
    printf '%s\n' "output ${fact##*/} $line"
  done <"/run/cierzo/outputs/${fact##*/}"
done
if [ -f /run/cierzo/network ] && read -r when digest </run/cierzo/network; then
  [ "$when" = "$boot" ] && echo "network $digest"
fi
echo "up ${up%%.*}"
echo "boot $boot"
)sh";
}

namespace {

// Digits, as many as a number of seconds can have; none otherwise.
std::optional<int> whole_number(const std::string& text) {
  int value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc{} || read.ptr != end || value < 0) return std::nullopt;
  return value;
}

// A guest is not trusted: what it says travels in the report of its host, which must not be refused
// for it.
bool is_plain(const std::string& word) {
  constexpr std::size_t word_max = 128;
  constexpr std::string_view others = "-_.:";
  return word.size() <= word_max && std::all_of(word.begin(), word.end(), [&](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) || others.find(c) != others.npos;
         });
}

constexpr std::size_t members_max = 1024, outputs_max = 32, output_line_max = 1100;

void read_fact(const std::vector<std::string>& words, GuestKnowledge& knowledge) {
  if (!std::all_of(words.begin(), words.end(), is_plain)) return;
  const std::string& kind = words[0];
  if (words.size() == 2) {
    if (kind == "boot") knowledge.boot = words[1];
    if (kind == "network") knowledge.network_digest = words[1];
    const auto up = kind == "up" ? whole_number(words[1]) : std::nullopt;
    if (up) knowledge.up = std::chrono::seconds(*up);
  } else if (words.size() == 3) {
    const RoleName role{words[1]};
    if (kind == "start") knowledge.configured[role] = words[2];
    if (kind == "stop") knowledge.stopped[role] = words[2];
    const auto asked = whole_number(words[2]);
    if (asked && (kind == "drain" || kind == "drained")) {
      knowledge.drained[role] = {kind == "drained", std::chrono::seconds(*asked)};
    }
  } else if (words.size() == 7 && kind == "member") {
    const auto index = whole_number(words[6]);
    if (!index || knowledge.joined.size() >= members_max) return;
    knowledge.joined.push_back({RoleName{words[1]},
                                {InstanceName{words[3]}, RoleName{words[4]}, words[5], *index},
                                words[2] == "-" ? "" : words[2],
                                {}});
  }
}

// "output ROLE KEY=VALUE", the value being the rest of the line as it is. Of what a guest says more
// than its start may have said is not believed.
void read_output(const std::string& line, GuestKnowledge& knowledge) {
  const std::size_t role = line.find(' ') + 1;
  const std::size_t key = line.find(' ', role) + 1;
  const std::size_t equals = line.find('=', key);
  if (key <= role || equals == line.npos || equals == key || line.size() > output_line_max) return;
  const std::string name = line.substr(role, key - 1 - role);
  if (!is_plain(name)) return;
  Outputs& outputs = knowledge.outputs[RoleName{name}];
  if (outputs.size() < outputs_max) {
    outputs[line.substr(key, equals - key)] = line.substr(equals + 1);
  }
}

}  // namespace

std::optional<int> read_load(std::string_view printed) {
  constexpr std::string_view key = "load=";
  std::optional<int> load;
  std::istringstream lines{std::string(printed)};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(key)) load = whole_number(line.substr(key.size()));
  }
  return load;
}

GuestKnowledge read_probe(std::string_view printed) {
  GuestKnowledge knowledge;
  std::istringstream lines{std::string(printed)};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("output ")) {
      read_output(line, knowledge);
      continue;
    }
    std::istringstream in(line);
    const std::vector<std::string> words{std::istream_iterator<std::string>(in), {}};
    if (!words.empty()) read_fact(words, knowledge);
  }
  if (knowledge.boot.empty()) return {};  // Not a probe's, or cut short: it says nothing.
  return knowledge;
}

ScriptPurpose script_purpose(std::string_view script) {
  std::istringstream in{std::string(script.substr(0, script.find('\n')))};
  std::vector<std::string> words{std::istream_iterator<std::string>(in), {}};
  using Kind = ScriptPurpose::Kind;
  static const std::map<std::string, Kind> kinds = {
      {"configure", Kind::configure}, {"start", Kind::start},     {"stop", Kind::stop},
      {"drain", Kind::drain},         {"join", Kind::join},       {"leave", Kind::leave},
      {"check", Kind::check},         {"metrics", Kind::metrics}, {"probe", Kind::probe}};
  if (words.size() < 3 || words[0] != "#" || words[1] != "cierzo") return {};
  const auto kind = kinds.find(words[2]);
  if (kind == kinds.end()) return {};
  words.resize(9);
  ScriptPurpose purpose;
  purpose.kind = kind->second;
  if (purpose.kind == Kind::configure) {
    purpose.digest = words[3];
  } else {
    purpose.role.value = words[3];
    purpose.digest = words[4];
    purpose.member = {InstanceName{words[5]}, RoleName{words[6]}, words[7],
                      whole_number(words[8]).value_or(0)};
  }
  return purpose;
}

}  // namespace cierzo
