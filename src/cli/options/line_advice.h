// What a line of a config file, or a word of the command line, was probably meant to be: for messages. Never the value,
// which may be a secret. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ossfs2 {

// Whether the text begins with a dash that a word processor made of "--" (U+2013, U+2014) or a minus sign (U+2212).
bool HasForeignDash(std::string_view text);

// NAME of "--NAME=value", also when it was written "NAME: value", "NAME value" or with other dashes.
std::string_view MeantName(std::string_view text);

// Why a line without dashes is no option; nothing: it may hold the names of programs.
std::optional<std::string> WhyNoOption(std::string_view line);

// A value with quotes around it or a comment after it, which are taken as parts of it.
std::optional<std::string> ValueNotice(std::string_view name, std::string_view value);

// "; the bucket goes to --oss_bucket=models", for a word too many behind the mount point; may be empty.
std::string ExtraWordAdvice(std::string_view mount_point, std::string_view extra);

// "; write oss_bucket=b and oss_bucket_prefix=p" for what is no name of a bucket.
std::string BucketAdvice(std::string_view given);

}  // namespace ossfs2
