#include "resources/domain_xml.hpp"

#include <algorithm>
#include <cstdio>
#include <pugixml.hpp>
#include <sstream>
#include <stdexcept>

#include "resources/digest.hpp"
#include "resources/domain_xml_template.hpp"

namespace cierzo {
namespace {

using pugi::xml_node;

// Q35 has PCIe hotplug and is what libvirt gives new machines. No graphics: nobody looks, and a
// port would be open. A guest that powers off or crashes is gone: the leader starts it again.
constexpr const char* built_in_template = R"(<domain>
  <os><type arch="x86_64" machine="q35">hvm</type></os>
  <features><acpi/><apic/></features>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <controller type="usb" model="none"/>
    <memballoon model="none"/>
    <rng model="virtio"><backend model="random">/dev/urandom</backend></rng>
  </devices>
</domain>)";

// Parsed, and a <domain> that can be used. Throws std::invalid_argument with what is wrong.
void parse_template(const std::string& text, const std::map<std::string, std::string>& values,
                    pugi::xml_document& document) {
  const std::string xml = fill_placeholders(text, values);
  const pugi::xml_parse_result parsed =
      document.load_buffer(xml.data(), xml.size(), pugi::parse_default);
  if (!parsed) throw std::invalid_argument(parsed.description());
  const xml_node domain = document.document_element();
  if (std::string_view(domain.name()) != "domain") {
    throw std::invalid_argument("no <domain>");
  }
}

std::map<std::string, std::string> placeholder_values(const DomainInput& input,
                                                      const std::string& uuid) {
  const Instance& instance = input.instance;
  return {{"name", instance.name.value},
          {"uuid", uuid},
          {"mem", std::to_string(instance.memory_kib)},
          {"ncpu", std::to_string(instance.vcpus)},
          {"disk", input.disk_path},
          {"mac", instance.mac}};
}

// Version 5 in form: derived from the name and the incarnation, so the same start gives the same
// XML, and two copies of an instance are never one machine.
std::string uuid_of(const DomainInput& input) {
  const Incarnation& i = input.incarnation;
  std::string hex =
      sha256_of({"cierzo domain", input.instance.name.value, std::to_string(i.term.counter),
                 std::to_string(i.term.owner.value), std::to_string(i.sequence)});
  hex[12] = '5';
  hex[16] = "89ab"[(hex[16] <= '9' ? hex[16] - '0' : hex[16] - 'a' + 10) & 3];
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20, 12);
}

xml_node child(xml_node parent, const char* name) {
  const xml_node found = parent.child(name);
  return found ? found : parent.append_child(name);
}

void set_text(xml_node parent, const char* name, const std::string& text) {
  xml_node node = child(parent, name);
  node.remove_children();
  node.append_child(pugi::node_pcdata).set_value(text.c_str());
}

void set_attribute(xml_node node, const char* name, const std::string& value) {
  pugi::xml_attribute attribute = node.attribute(name);
  if (!attribute) attribute = node.append_attribute(name);
  attribute.set_value(value.c_str());
}

void remove_all(xml_node parent, const char* name) {
  while (parent.remove_child(name)) {
  }
}

// What belongs to the machine the XML was dumped from, and would clash or point nowhere here: its
// id, labels and aliases, host-side names of interfaces, sockets and terminals.
void forget_runtime(xml_node domain) {
  domain.remove_attribute("id");
  remove_all(domain, "seclabel");
  for (const char* name : {"genid", "title", "resource"}) remove_all(domain, name);
  domain.child("os").child("nvram").remove_children();  // a file of that machine's own
  for (xml_node device : domain.child("devices").children()) {
    remove_all(device, "alias");
    const std::string_view kind = device.name();
    if (kind == "interface") {
      const std::string_view target = device.child("target").attribute("dev").value();
      if (target.starts_with("vnet") || target.starts_with("tap")) remove_all(device, "target");
    } else if (kind == "channel" && std::string_view(device.attribute("type").value()) == "unix") {
      remove_all(device, "source");
    } else if (kind == "console" || kind == "serial") {
      device.remove_attribute("tty");
      if (std::string_view(device.attribute("type").value()) == "pty") remove_all(device, "source");
    } else if (kind == "graphics") {
      device.remove_attribute("port");
      set_attribute(device, "autoport", "yes");
    } else if (kind == "disk") {
      remove_all(device, "backingStore");
      for (xml_node source : device.children("source")) source.remove_attribute("index");
    }
  }
}

void set_size(xml_node domain, const Instance& instance) {
  remove_all(domain, "maxMemory");
  for (const char* name : {"memory", "currentMemory"}) {
    set_text(domain, name, std::to_string(instance.memory_kib));
    set_attribute(domain.child(name), "unit", "KiB");
  }
  remove_all(domain, "vcpus");  // states of single vcpus, of another number of them
  set_text(domain, "vcpu", std::to_string(instance.vcpus));
  domain.child("vcpu").remove_attribute("current");
  domain.child("vcpu").remove_attribute("cpuset");
  domain.child("cpu").remove_child("topology");
  domain.child("cpu").remove_child("numa");
  remove_all(domain.child("cputune"), "vcpupin");
}

// Only the leader starts machines (rule 13): a guest that powered off or crashed must be gone, or a
// stop would never end.
void set_lifecycle(xml_node domain) {
  set_text(domain, "on_poweroff", "destroy");
  set_text(domain, "on_crash", "destroy");
}

void set_virtualization(xml_node domain, const std::string& virtualization) {
  const bool changed = domain.attribute("type").value() != virtualization;
  set_attribute(domain, "type", virtualization);
  if (!changed && domain.child("cpu")) return;
  // A CPU model of KVM cannot be had from TCG, and the other way round; nor can its emulator
  // (/usr/bin/kvm insists on KVM): libvirt knows the right one.
  remove_all(domain, "cpu");
  if (changed) remove_all(domain.child("devices"), "emulator");
  xml_node cpu = domain.append_child("cpu");
  set_attribute(cpu, "mode", virtualization == "kvm" ? "host-passthrough" : "maximum");
}

// The first disk that is one (not a CD-ROM or a floppy); others are kept as they are.
void set_disk(xml_node devices, const DomainInput& input) {
  xml_node disk;
  for (xml_node candidate : devices.children("disk")) {
    const std::string_view device = candidate.attribute("device").value();
    if (device.empty() || device == "disk") {
      disk = candidate;
      break;
    }
  }
  if (!disk) {
    disk = devices.append_child("disk");
    xml_node target = disk.append_child("target");
    set_attribute(target, "dev", "vda");
    set_attribute(target, "bus", "virtio");
  }
  set_attribute(disk, "type", "file");
  set_attribute(disk, "device", "disk");
  remove_all(disk, "source");
  set_attribute(disk.prepend_child("source"), "file", input.disk_path);
  xml_node driver = child(disk, "driver");
  set_attribute(driver, "name", "qemu");
  set_attribute(driver, "type", input.disk_format);
  if (!disk.child("target")) {
    set_attribute(disk.append_child("target"), "dev", "vda");
    set_attribute(disk.child("target"), "bus", "virtio");
  }
}

// The first interface has the instance's MAC; libvirt makes new ones for the others.
void set_interfaces(xml_node devices, const DomainInput& input) {
  xml_node first = devices.child("interface");
  if (!first) {
    first = devices.append_child("interface");
    set_attribute(first, "type", "bridge");
    set_attribute(first.append_child("source"), "bridge", input.bridge);
    set_attribute(first.append_child("model"), "type", "virtio");
    set_attribute(first.append_child("rom"), "enabled", "no");  // nothing boots from the network
  }
  for (xml_node interface : devices.children("interface")) remove_all(interface, "mac");
  set_attribute(first.append_child("mac"), "address", input.instance.mac);
}

void set_guest_agent(xml_node devices) {
  constexpr const char* name = "org.qemu.guest_agent.0";
  for (xml_node channel : devices.children("channel")) {
    xml_node target = channel.child("target");
    if (std::string_view(target.attribute("name").value()) == name) {
      target.remove_attribute("state");
      return;
    }
  }
  xml_node channel = devices.append_child("channel");
  set_attribute(channel, "type", "unix");
  xml_node target = channel.append_child("target");
  set_attribute(target, "type", "virtio");
  set_attribute(target, "name", name);
}

void set_console(xml_node devices, const std::string& log) {
  if (log.empty()) return;
  remove_all(devices, "console");  // libvirt makes the one that belongs to the serial port
  remove_all(devices, "serial");
  xml_node serial = devices.append_child("serial");
  set_attribute(serial, "type", "file");
  set_attribute(serial.append_child("source"), "path", log);
  set_attribute(serial.append_child("target"), "port", "0");
}

void set_kernel(xml_node domain, const DirectKernel& kernel) {
  xml_node os = child(domain, "os");
  for (const char* name : {"kernel", "initrd", "cmdline", "boot", "loader", "nvram"}) {
    remove_all(os, name);
  }
  set_text(os, "kernel", kernel.kernel);
  if (!kernel.initrd.empty()) set_text(os, "initrd", kernel.initrd);
  if (!kernel.cmdline.empty()) set_text(os, "cmdline", kernel.cmdline);
}

const char* name_of(OnIsolation on_isolation) {
  return on_isolation == OnIsolation::pause ? "pause" : "ignore";
}
const char* name_of(Disk disk) { return disk == Disk::local ? "local" : "shared"; }

// Fills an element with what DomainMetadata says; its name and namespace are the caller's.
void fill_metadata(xml_node node, const DomainMetadata& metadata, const std::string& prefix) {
  set_attribute(node, "name", metadata.instance.value);
  set_attribute(node, "resource", metadata.resource.value);
  set_attribute(node, "term", std::to_string(metadata.incarnation.term.counter));
  set_attribute(node, "owner", std::to_string(metadata.incarnation.term.owner.value));
  set_attribute(node, "sequence", std::to_string(metadata.incarnation.sequence));
  set_attribute(node, "spec", metadata.spec_digest);
  set_attribute(node, "on_isolation", name_of(metadata.on_isolation));
  set_attribute(node, "disk", name_of(metadata.disk));
  set_attribute(node, "fresh_disk", metadata.fresh_disk ? "yes" : "no");
  for (const RoleName& role : metadata.roles) {
    node.append_child((prefix + "role").c_str())
        .append_child(pugi::node_pcdata)
        .set_value(role.value.c_str());
  }
}

void set_metadata(xml_node domain, const DomainInput& input) {
  xml_node metadata = child(domain, "metadata");
  const std::string prefix = std::string(metadata_prefix) + ":";
  remove_all(metadata, (prefix + "instance").c_str());
  const Instance& instance = input.instance;
  xml_node node = metadata.append_child((prefix + "instance").c_str());
  set_attribute(node, ("xmlns:" + std::string(metadata_prefix)).c_str(), metadata_uri);
  fill_metadata(node,
                {instance.name, instance.resource, instance.roles, input.incarnation,
                 instance.spec_digest, instance.on_isolation, instance.disk, input.fresh_disk},
                prefix);
}

std::string_view local_name(const xml_node& node) {
  const std::string_view name = node.name();
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

std::string printed(const pugi::xml_node& node) {
  std::ostringstream text;
  node.print(text, "  ", pugi::format_indent | pugi::format_no_declaration);
  return text.str();
}

}  // namespace

std::string domain_xml(const DomainInput& input) {
  pugi::xml_document document;
  const std::string uuid = uuid_of(input);
  const std::string& text = input.instance.domain_template;
  parse_template(text.empty() ? built_in_template : text, placeholder_values(input, uuid),
                 document);
  xml_node domain = document.document_element();
  forget_runtime(domain);
  set_text(domain, "name", input.instance.name.value);
  set_text(domain, "uuid", uuid);
  set_size(domain, input.instance);
  set_lifecycle(domain);
  set_virtualization(domain, input.virtualization);
  if (input.kernel) set_kernel(domain, *input.kernel);
  xml_node devices = child(domain, "devices");
  set_disk(devices, input);
  set_interfaces(devices, input);
  set_guest_agent(devices);
  set_console(devices, input.console_log);
  set_metadata(domain, input);
  return printed(domain);
}

std::string metadata_xml(const DomainMetadata& metadata) {
  pugi::xml_document document;
  fill_metadata(document.append_child("instance"), metadata, "");
  return printed(document.document_element());
}

std::optional<DomainMetadata> read_metadata(const std::string& xml) {
  pugi::xml_document document;
  if (!document.load_buffer(xml.data(), xml.size())) return std::nullopt;
  const xml_node node = document.document_element();
  if (local_name(node) != "instance") return std::nullopt;
  DomainMetadata metadata;
  metadata.instance.value = node.attribute("name").value();
  metadata.resource.value = node.attribute("resource").value();
  metadata.incarnation.term.counter = node.attribute("term").as_ullong();
  metadata.incarnation.term.owner.value = node.attribute("owner").as_uint();
  metadata.incarnation.sequence = node.attribute("sequence").as_ullong();
  metadata.spec_digest = node.attribute("spec").value();
  const auto is = [&](const char* name, std::string_view value) {
    return node.attribute(name).value() == value;
  };
  metadata.on_isolation = is("on_isolation", "ignore") ? OnIsolation::ignore : OnIsolation::pause;
  metadata.disk = is("disk", "shared") ? Disk::shared : Disk::local;
  metadata.fresh_disk = is("fresh_disk", "yes");
  for (const xml_node& role : node.children()) {
    if (local_name(role) == "role") metadata.roles.push_back(RoleName{role.child_value()});
  }
  if (metadata.instance.value.empty()) return std::nullopt;
  return metadata;
}

}  // namespace cierzo
