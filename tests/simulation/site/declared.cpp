#include "tests/simulation/site/declared.hpp"

#include <array>
#include <cstddef>

namespace cierzo::simulation {
namespace {

// Roles with one instance, then the one with all the others.
struct Shape {
  const char* type;
  std::array<const char*, 2> singles;  // Null: there are fewer.
  const char* many;
};
constexpr std::array<Shape, 3> shapes = {{{"torque", {"head", nullptr}, "compute"},
                                          {"web", {"balancer", "database"}, "server"},
                                          {"appscale", {"controller", nullptr}, "servers"}}};

const Shape& shape_of(const Declared& declared) { return shapes[declared.number % shapes.size()]; }

}  // namespace

std::string name_of(const Declared& declared) { return "r" + std::to_string(declared.number); }

std::string manifest(const Declared& declared, bool running) {
  const Shape& shape = shape_of(declared);
  const std::string block = "10." + std::to_string(declared.number) + ".0.";
  const std::string image = ", image: mini.qcow2}\n";
  std::string text = std::string(shape.type) + ":\n  " + name_of(declared) +
                     ":\n    ensure: " + (running ? "running" : "stopped") + "\n";
  unsigned singles = 0;
  for (const char* role : shape.singles) {
    if (role == nullptr) continue;
    text += std::string("    ") + role + ": {ip: " + block + std::to_string(10 + singles++) + image;
  }
  return text + "    " + shape.many + ": {ips: " + block + std::to_string(10 + singles) + "-" +
         block + std::to_string(9 + declared.instances) + image;
}

std::set<InstanceName> instances_of(const Declared& declared) {
  const Shape& shape = shape_of(declared);
  const std::string prefix = name_of(declared) + "-";
  std::set<InstanceName> names;
  for (const char* role : shape.singles) {
    if (role != nullptr) names.insert({prefix + role + "-1"});
  }
  const std::size_t singles = names.size();
  for (std::size_t i = 1; i <= declared.instances - singles; ++i) {
    names.insert({prefix + shape.many + "-" + std::to_string(i)});
  }
  return names;
}

}  // namespace cierzo::simulation
