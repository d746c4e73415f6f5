// Domain XML: golden texts (tests/resources/domains; CIERZO_REWRITE=1 writes them anew), and the
// promise that no value ever becomes markup.
#include "resources/domain_xml.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "resources/domain_xml_template.hpp"

namespace cierzo::test {
namespace {

const std::string folder = CIERZO_SOURCE_DIR "/tests/resources/domains/";

std::string file(const std::string& name) {
  std::ifstream in(folder + name);
  return {std::istreambuf_iterator<char>(in), {}};
}

void expect_golden(const std::string& name, const std::string& text) {
  if (std::getenv("CIERZO_REWRITE")) {
    std::ofstream(folder + name) << text;
    return;
  }
  EXPECT_EQ(text, file(name)) << name;
}

DomainInput plain() {
  DomainInput input;
  Instance& i = input.instance;
  i.name.value = "myweb-server-1";
  i.resource.value = "myweb";
  i.roles = {RoleName{"server"}};
  i.positions = {1};
  i.address = "10.77.1.11";
  i.mac = "52:54:00:4d:01:0b";
  i.image = "web.qcow2";
  i.memory_kib = 163840;
  i.vcpus = 2;
  i.spec_digest = "memory=163840|vcpus=2|disk=local|template=built-in|image=web.qcow2";
  input.incarnation = {{7, HostId{2}}, 31};
  input.disk_path = "/var/lib/cierzo/disks/myweb-server-1.qcow2";
  input.disk_format = "qcow2";
  input.bridge = "br0";
  input.virtualization = "qemu";
  input.console_log = "/var/log/cierzo/myweb-server-1.log";
  return input;
}

TEST(DomainXml, BuiltInTemplate) { expect_golden("built-in.xml", domain_xml(plain())); }

TEST(DomainXml, DirectKernel) {
  DomainInput input = plain();
  input.kernel = DirectKernel{"/boot/vmlinuz", "/boot/initrd", "console=ttyS0 root=/dev/vda"};
  input.virtualization = "kvm";
  expect_golden("direct-kernel.xml", domain_xml(input));
}

// As `virsh dumpxml` prints a running domain: what belongs to that one goes, all else stays.
TEST(DomainXml, DumpedTemplate) {
  DomainInput input = plain();
  input.instance.domain_template = file("dumped.template.xml");
  EXPECT_TRUE(template_mistakes(input.instance.domain_template, "t", "x").empty());
  expect_golden("dumped.xml", domain_xml(input));
}

TEST(DomainXml, ThesisTemplate) {
  DomainInput input = plain();
  input.instance.domain_template = file("thesis.template.xml");
  EXPECT_TRUE(template_mistakes(input.instance.domain_template, "t", "x").empty());
  expect_golden("thesis.xml", domain_xml(input));
}

TEST(DomainXml, NoValueBecomesMarkup) {
  const std::string nasty = "<&\"'>]]>";
  for (const char* name : {"", "dumped.template.xml", "thesis.template.xml"}) {
    DomainInput input = plain();
    if (*name) input.instance.domain_template = file(name);
    Instance& i = input.instance;
    i.name.value += nasty;
    i.resource.value += nasty;
    i.roles[0].value += nasty;
    i.mac += nasty;
    i.spec_digest += nasty;
    input.disk_path += nasty;
    input.disk_format += nasty;
    input.bridge += nasty;
    input.virtualization += nasty;
    input.console_log += nasty;
    input.kernel = DirectKernel{nasty, nasty, nasty};
    const std::string xml = domain_xml(input);
    expect_golden("nasty-" + std::string(*name ? name : "built-in.xml"), xml);
    EXPECT_EQ(xml.find(nasty), std::string::npos);
    // What was written is what is read: the metadata element, cut out of the whole.
    const std::size_t begin = xml.find("<cierzo:instance");
    const std::string end_tag = "</cierzo:instance>";
    const auto read = read_metadata(xml.substr(begin, xml.find(end_tag) + end_tag.size() - begin));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->instance, i.name);
    EXPECT_EQ(read->resource, i.resource);
    EXPECT_EQ(read->roles, i.roles);
    EXPECT_EQ(read->spec_digest, i.spec_digest);
    EXPECT_EQ(read->incarnation, input.incarnation);
  }
}

TEST(DomainXml, IsTheSameForTheSameStartAndAnotherForTheNext) {
  DomainInput next = plain();
  next.incarnation.sequence++;
  const auto uuid = [](const std::string& xml) { return xml.substr(xml.find("<uuid>"), 42); };
  EXPECT_EQ(domain_xml(plain()), domain_xml(plain()));
  EXPECT_NE(uuid(domain_xml(plain())), uuid(domain_xml(next)));
}

TEST(DomainXml, MetadataSurvivesTheWayThroughLibvirt) {
  DomainMetadata metadata{InstanceName{"a-b-1"},
                          ResourceName{"a"},
                          {RoleName{"b"}, RoleName{"c"}},
                          {{3, HostId{1}}, 9},
                          "memory=1|image=<x>",
                          OnIsolation::ignore,
                          Disk::shared,
                          true};
  const std::string xml = metadata_xml(metadata);
  EXPECT_EQ(xml.find("xmlns"), std::string::npos);  // libvirt adds its own and refuses two
  const auto read = read_metadata(xml);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->roles, metadata.roles);
  EXPECT_EQ(read->on_isolation, OnIsolation::ignore);
  EXPECT_EQ(read->disk, Disk::shared);
  EXPECT_TRUE(read->fresh_disk);
  EXPECT_EQ(read->spec_digest, metadata.spec_digest);
  for (const char* wrong : {"", "<", "<other/>", "<instance/>", "<domain name='x'/>"}) {
    EXPECT_FALSE(read_metadata(wrong)) << wrong;
  }
}

TEST(DomainXml, WhatIsNoTemplateIsRefused) {
  for (const char* wrong : {"", "text", "<domain>", "<network/>", "<domain><%= vm[:ip] %></domain>",
                            "<domain><% exit %></domain>", "<domain><%= vm[:name] </domain>"}) {
    EXPECT_FALSE(template_mistakes(wrong, "t", "x").empty()) << wrong;
    DomainInput input = plain();
    input.instance.domain_template = wrong;
    if (*wrong == 0) continue;  // an empty template means the built-in one
    EXPECT_THROW((void)domain_xml(input), std::invalid_argument) << wrong;
  }
}

}  // namespace
}  // namespace cierzo::test
