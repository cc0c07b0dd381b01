/** Keeps Google's client libraries from looking for credentials on the machine, which takes a second, where an emulator asks for none. */

export async function noCredentials() {
  const { PassThroughClient } = await import('google-auth-library');
  return { authClient: new PassThroughClient() };
}
