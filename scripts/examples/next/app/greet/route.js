import { cookies } from "next/headers";
import config from "../../next.config.mjs";

export async function POST(request) {
  const name = (await request.formData()).get("name");
  const secure = request.headers.get("x-forwarded-proto") === "https";
  const path = config.basePath || "/";
  (await cookies()).set("name", name, { path, secure, httpOnly: true, sameSite: "lax" });
  return new Response(null, { status: 303, headers: { Location: `${config.basePath}/` } });
}
