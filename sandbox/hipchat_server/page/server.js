// Calls of the control API.

// The answer's content; an Error has the server's own words.
export async function call(method, path, body) {
  const answer = await fetch("sandbox/" + path, {
    method, headers: {"Content-Type": "application/json"}, body: body && JSON.stringify(body)});
  const content = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) {
    throw new Error(content.error.message);
  }
  return content;
}
