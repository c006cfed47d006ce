(() => {
	'use strict';
	const button = document.getElementById('live'), progress = document.getElementById('progress'), rows = document.getElementById('rows');
	const most = 2000; // characters of a body; proxy.cgi's own are shorter, or known by their sum

	async function post(fields, accept) {
		const body = new URLSearchParams({ form: button.dataset.form, origin: location.origin, ...fields });
		const response = await fetch(location.pathname, { method: 'POST', headers: { Accept: accept }, body });
		if (!response.ok) throw new Error(response.status === 403 ? 'the login is over: log in again' : 'the server says ' + response.status);
		return response;
	}

	const hex = bytes => Array.from(new Uint8Array(bytes), b => b.toString(16).padStart(2, '0')).join('');

	// ask sends a question and tells what comes back. What it means is not for us.
	async function ask(question) {
		const seen = {};
		const url = new URL(question.target, location.origin).href;
		let response;
		const begun = performance.now();
		try {
			response = await fetch(location.origin + question.target, {
				method: question.method,
				headers: question.fields,
				body: question.size ? '0123456789'.repeat(question.size / 10) : undefined,
				cache: 'no-store', redirect: 'manual', signal: AbortSignal.timeout(8000),
			});
		} catch (e) {
			return { error: e.name === 'TimeoutError' ? 'no response in 8 s' : 'the browser says: ' + e.message };
		}
		seen.status = response.status;
		seen.reason = response.statusText;
		seen.header = [...response.headers].map(([name, value]) => name + ': ' + value).join('\n');
		const pieces = [], arrivals = [];
		let size = 0;
		try {
			const reader = response.body && response.body.getReader();
			for (let piece; reader && !(piece = await reader.read()).done;) {
				pieces.push(piece.value);
				size += piece.value.length;
				arrivals.push(Math.round(performance.now() - begun) + ':' + size);
			}
			arrivals.push(Math.round(performance.now() - begun) + ':' + size);
		} catch (e) {
			seen.cut = e.message || 'cut';
		}
		const bytes = new Uint8Array(await new Blob(pieces).arrayBuffer());
		seen.size = size;
		seen.text = new TextDecoder().decode(bytes).slice(0, most);
		seen.sum = hex(await crypto.subtle.digest('SHA-256', bytes));
		seen.pieces = arrivals.slice(0, 1).concat(arrivals.slice(1).slice(-99)).join();
		if (response.headers.has('Content-Encoding')) {
			const timing = performance.getEntriesByName(url).pop();
			seen.wire = timing ? timing.encodedBodySize : 0;
		}
		return seen;
	}

	async function check() {
		const questions = await (await post({ action: 'questions' }, 'application/json')).json();
		const fields = { action: 'judge' };
		for (let i = 0; i < questions.length; i++) {
			progress.textContent = `Request ${i + 1} of ${questions.length}`;
			for (const [name, value] of Object.entries(await ask(questions[i]))) fields[i + '.' + name] = value;
		}
		rows.innerHTML = await (await post(fields, 'text/html')).text();
		progress.textContent = `${questions.length} requests sent.`;
	}

	button.hidden = false;
	button.addEventListener('click', async () => {
		if (button.ariaDisabled) return;
		button.ariaDisabled = 'true'; // "disabled" would take the focus from who has no mouse
		rows.textContent = '';
		try {
			await check();
		} catch (e) {
			progress.textContent = 'The check has not come to its end: ' + e.message;
		}
		button.ariaDisabled = null;
	});
})();
