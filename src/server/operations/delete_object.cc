// DeleteObject and DeleteMultipleObjects.
#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "server/exchange/xml.h"
#include "server/operations/handlers.h"
#include "server/operations/limits.h"
#include "server/operations/upload_body.h"

namespace ossfs2::server {

Reply<HttpResponse> DeleteObject(HandlerContext&, Exchange& e) {
  const auto deleted = e.bucket->Delete(e.key);
  if (!deleted) return Internal(deleted.error());
  HttpResponse response;
  response.status = 204;
  return response;
}

Reply<HttpResponse> DeleteObjects(HandlerContext&, Exchange& e) {
  if (!e.dialect.s3 && e.http.Header("Content-MD5") == nullptr) {
    return Fail(400, "MissingArgument", "Content-MD5 is required for this request.");
  }
  const auto text = ReceiveText(e, kXmlBytesMax, "MalformedXML");
  if (!text) return Failure(text.error());
  const auto request = ParseDeleteRequest(*text);
  if (!request || request->keys.size() > 1000) {
    return Fail(400, "MalformedXML", "The XML you provided was not well-formed or has more than 1000 keys.");
  }
  const bool encoded = e.QueryOr("encoding-type", "") == "url";
  XmlWriter xml;
  xml.Open("DeleteResult");
  if (encoded) xml.Element("EncodingType", "url");
  for (size_t i = 0; i < request->keys.size(); ++i) {
    if (e.partial_delete && i % 2 == 1) continue;  // as under load: neither deleted nor reported
    const std::string& key = request->keys[i];
    const auto deleted = e.bucket->Delete(key);
    if (!deleted) return Internal(deleted.error());
    if (request->quiet) continue;
    xml.Open("Deleted");
    xml.Element("Key", encoded ? oss::PercentEncodePath(key) : key);
    xml.Close();
  }
  if (request->quiet && !e.dialect.s3) return HttpResponse();
  return XmlAnswer(xml.Take());
}

}  // namespace ossfs2::server
