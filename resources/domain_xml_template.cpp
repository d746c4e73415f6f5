#include "resources/domain_xml_template.hpp"

#include <algorithm>
#include <pugixml.hpp>
#include <stdexcept>
#include <string_view>

#include "manifests/source.hpp"

namespace cierzo {
namespace {

const std::vector<std::string>& placeholder_names() {
  static const std::vector<std::string> names = {"name", "uuid", "mem", "ncpu", "disk", "mac"};
  return names;
}

struct Placeholder {
  std::size_t begin, end;  // of the whole of it; end is npos where "%>" is missing
  std::string key;         // empty: it is no vm[:key]
};

std::vector<Placeholder> placeholders_of(std::string_view text) {
  std::vector<Placeholder> found;
  for (std::size_t begin = text.find("<%"); begin != std::string_view::npos;
       begin = text.find("<%", found.back().end)) {
    const std::size_t end = text.find("%>", begin + 2);
    if (end == std::string_view::npos) {
      found.push_back({begin, std::string_view::npos, {}});
      break;
    }
    std::string inside(text.substr(begin + 2, end - begin - 2));
    std::erase_if(inside, [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
    std::string key;
    if (inside.starts_with("=vm[:") && inside.ends_with("]")) {
      key = inside.substr(5, inside.size() - 6);
    }
    found.push_back({begin, end + 2, std::move(key)});
  }
  return found;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&apos;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// The placeholders become as many letters, so that a place in the result is one in the text.
std::string without_placeholders(std::string_view text, const std::vector<Placeholder>& all) {
  std::string xml(text);
  for (const Placeholder& each : all) {
    for (std::size_t i = each.begin; i < each.end; ++i) {
      if (xml[i] != '\n') xml[i] = 'x';
    }
  }
  return xml;
}

}  // namespace

std::string fill_placeholders(const std::string& text, const PlaceholderValues& values) {
  std::string out;
  std::size_t done = 0;
  for (const Placeholder& each : placeholders_of(text)) {
    const auto value = values.find(each.key);
    if (each.end == std::string::npos || value == values.end()) {
      throw std::invalid_argument("placeholder");
    }
    out += text.substr(done, each.begin - done) + escaped(value->second);
    done = each.end;
  }
  return out + text.substr(done);
}

std::vector<manifests::Diagnostic> template_mistakes(const std::string& text,
                                                     const std::string& file,
                                                     const std::string& where) {
  std::vector<manifests::Diagnostic> found;
  const manifests::Source source(text, file);
  if (auto defect = source.defect()) return {*std::move(defect)};
  const std::string_view body = source.text();
  const std::vector<Placeholder> placeholders = placeholders_of(body);
  for (const Placeholder& each : placeholders) {
    const manifests::Position at = source.at(each.begin);
    if (each.end == std::string_view::npos) {
      found.push_back(manifests::mistake(at, where, "'<%' without '%>'"));
      return found;
    }
    const auto& names = placeholder_names();
    if (std::find(names.begin(), names.end(), each.key) != names.end()) continue;
    const std::string shown(
        body.substr(each.begin, std::min<std::size_t>(each.end - each.begin, 60)));
    found.push_back(manifests::unknown_name(
        at, where, each.key, names,
        "unknown placeholder '" + shown + "', of which '<%= vm[:name] %>' is the form"));
  }
  const std::string xml = without_placeholders(body, placeholders);
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_buffer(xml.data(), xml.size());
  if (parsed.status == pugi::status_no_document_element) {
    found.push_back(manifests::mistake(source.at(0), where, "holds no XML element"));
    return found;
  }
  if (!parsed) {
    found.push_back(manifests::mistake(source.at(static_cast<std::size_t>(parsed.offset)), where,
                                       std::string("is no XML: ") + parsed.description()));
    return found;
  }
  const pugi::xml_node domain = document.document_element();
  const auto place = [&](const pugi::xml_node& node) {  // the name's, less the '<'
    return source.at(static_cast<std::size_t>(std::max<std::ptrdiff_t>(1, node.offset_debug())) -
                     1);
  };
  if (std::string_view(domain.name()) != "domain") {
    found.push_back(
        manifests::mistake(place(domain), where,
                           "must be a libvirt <domain>, got <" + std::string(domain.name()) + ">"));
  }
  for (pugi::xml_node other = domain.next_sibling(); other; other = other.next_sibling()) {
    if (other.type() != pugi::node_element) continue;
    found.push_back(manifests::mistake(
        place(other), where, "has <" + std::string(other.name()) + "> behind its first element"));
    break;
  }
  return found;
}

}  // namespace cierzo
