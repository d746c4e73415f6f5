// The text of a domain template before it is XML: the placeholders of the original's ERB templates,
// and what makes a template unusable. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "manifests/diagnostic.hpp"

namespace cierzo {

// The placeholders are `<%= vm[:name] %>`, and likewise uuid, mem, ncpu, disk and mac.
using PlaceholderValues = std::map<std::string, std::string>;

// Puts the values in, escaped as XML. Throws std::invalid_argument for a placeholder without a
// value, or one without an end.
[[nodiscard]] std::string fill_placeholders(const std::string& text,
                                            const PlaceholderValues& values);

// Everything that is wrong with a template, with places in `file`; `where` names the attribute in
// messages. Empty: domain_xml() can use it. Not checked: what libvirt will say to its content.
[[nodiscard]] std::vector<manifests::Diagnostic> template_mistakes(const std::string& text,
                                                                   const std::string& file,
                                                                   const std::string& where);

}  // namespace cierzo
