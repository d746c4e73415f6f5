#include "resources/guest.hpp"

#include <algorithm>
#include <cctype>
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

std::string first_line(std::string_view kind, std::string_view role, std::string_view digest) {
  std::string line = "# cierzo ";
  line.append(kind);
  for (const auto word : {role, digest}) {
    if (!word.empty()) line.append(" ").append(word);
  }
  return line + "\n";
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
  const bool start = run.kind == ScriptKind::start;
  const std::string kind = start ? "start" : "stop";
  std::string text = first_line(kind, run.role.value, run.input.digest);
  text += prelude;
  text += "doing=" + kind + " inputs=" + quoted(run.input.digest) + "\n";
  text += "fact=" + quoted("/run/cierzo/roles/" + run.role.value) + "\n";
  text += "lock=" + quoted("/run/cierzo/" + run.role.value + ".lock") + "\n";
  text += lock_part;
  // Only root reads it: attributes may be secrets.
  text += "(umask 077; printf %s " + quoted(run.input.json) +
          " >/run/cierzo/resource.json.new) &&\n"
          "  mv -f /run/cierzo/resource.json.new /run/cierzo/resource.json || exit 1\n";
  if (start) {  // From here on it is not stopped any more, whatever comes of it.
    text +=
        R"sh([ -f "$fact" ] && read -r kind rest <"$fact" && [ "$kind" = stop ] && : >"$fact")sh";
    text += "\n";
  }
  text += run_text(run.text, quoted("/run/cierzo/" + run.role.value + "." + kind));
  text += "status=$?\n[ $status = 0 ] || exit $status\n";
  text += R"sh(printf '%s\n' "$doing $cierzo_boot $inputs" >"$fact")sh";
  return text + "\n";
}

std::string check_script(const RoleCheck& check) {
  std::string text = first_line("check", check.role.value, "");
  if (interpreter_of(check.text).empty()) return text + "cd /\n" + check.text + "\n";
  text += prelude;
  return text + run_text(check.text, quoted("/run/cierzo/" + check.role.value + ".check"));
}

std::string probe_script() {
  // The boot id comes last: of long outputs the last lines are kept, and without it nothing counts.
  return first_line("probe", "", "") + R"sh(read -r boot </proc/sys/kernel/random/boot_id || exit 1
for fact in /run/cierzo/roles/*; do
  [ -f "$fact" ] && read -r kind when digest <"$fact" || continue
  [ "$when" = "$boot" ] && echo "$kind ${fact##*/} $digest"
done
if [ -f /run/cierzo/network ] && read -r when digest </run/cierzo/network; then
  [ "$when" = "$boot" ] && echo "network $digest"
fi
echo "boot $boot"
)sh";
}

GuestKnowledge read_probe(std::string_view printed) {
  GuestKnowledge knowledge;
  std::istringstream lines{std::string(printed)};
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string kind, first, second, more;
    words >> kind >> first >> second >> more;
    if (!more.empty() || first.empty()) continue;
    if (second.empty()) {
      if (kind == "boot") knowledge.boot = first;
      if (kind == "network") knowledge.network_digest = first;
    } else {
      if (kind == "start") knowledge.configured[RoleName{first}] = second;
      if (kind == "stop") knowledge.stopped[RoleName{first}] = second;
    }
  }
  if (knowledge.boot.empty()) return {};  // Not a probe's, or cut short: it says nothing.
  return knowledge;
}

ScriptPurpose script_purpose(std::string_view script) {
  std::istringstream words{std::string(script.substr(0, script.find('\n')))};
  std::string hash, name, kind, first, second;
  words >> hash >> name >> kind >> first >> second;
  using Kind = ScriptPurpose::Kind;
  if (hash != "#" || name != "cierzo") return {};
  if (kind == "configure") return {Kind::configure, {}, first};
  if (kind == "start") return {Kind::start, RoleName{first}, second};
  if (kind == "stop") return {Kind::stop, RoleName{first}, second};
  if (kind == "check") return {Kind::check, RoleName{first}, {}};
  if (kind == "probe") return {Kind::probe, {}, {}};
  return {};
}

}  // namespace cierzo
