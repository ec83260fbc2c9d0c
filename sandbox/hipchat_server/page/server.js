// Calls of the control API.

// Returns the response's content; throws an Error with the server's message.
export async function call(method, path, body) {
  const response = await fetch("sandbox/" + path, {
    method, headers: {"Content-Type": "application/json"}, body: body && JSON.stringify(body)});
  const content = response.status === 204 ? null : await response.json();
  if (!response.ok) {
    throw new Error(content.error.message);
  }
  return content;
}
