// Calls of the control API.

// Returns the response's content; throws an Error with the server's own words.
export async function call(method, path, body) {
  const answer = await fetch("sandbox/" + path, {
    method, headers: {"Content-Type": "application/json"}, body: body && JSON.stringify(body)});
  const content = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) {
    throw new Error(content.error.message);
  }
  return content;
}
