#include "election/mutations.hpp"

#include <array>

namespace cierzo::election {
namespace {
constexpr std::array<const char*, static_cast<std::size_t>(Mutation::count)> names = {
    "4",
    "4-own",
    "5",
    "7",
    "8",
    "8-deadline",
    "8-every-term",
    "9-granted",
    "10-late",
    "12",
    "12-boot",
    "14",
    "14-held",
    "14-heard-since",
    "15",
    "15-last-led",
    "16",
    "17",
    "17-boot",
    "17-spell",
    "20",
    "20-follows",
    "22",
    "22-unjoined",
    "22-alone",
    "22-suffice",
    "22-called",
    "22-led",
    "23-both-majorities",
    "23-one-at-a-time",
    "23-committed-first",
    "23-newest-heard"};
}

std::string to_string(Mutation mutation) { return names.at(static_cast<std::size_t>(mutation)); }

std::optional<Mutation> mutation_named(const std::string& name) {
  for (const Mutation mutation : all_mutations())
    if (to_string(mutation) == name) return mutation;
  return std::nullopt;
}

std::vector<Mutation> all_mutations() {
  std::vector<Mutation> all;
  for (std::size_t i = 0; i < names.size(); ++i) all.push_back(static_cast<Mutation>(i));
  return all;
}

}  // namespace cierzo::election
