// SPDX-License-Identifier: Apache-2.0
//
// Wires okhttp|jdk URL WORKLOAD JOURNAL CONCURRENCY
//
// A client in HTTP/2 of a Java library. OkHttp: by prior knowledge, and inside TLS by ALPN. The JDK's HttpClient: by
// Upgrade from HTTP/1.1, and inside TLS by ALPN. answered.js says what a workload is; CA in the environment is the
// certificate to trust.

import java.io.InputStream;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Protocol;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;

public class Wires {
  private static final String ILP = "application/octet-stream";
  private static final String TOKEN = "Bearer secret-of-alice";

  // The body that came back, or null where HTTP said no.
  private interface Client {
    byte[] post(byte[] bytes) throws Exception;
  }

  private static PrintStream journal;

  public static void main(String[] args) throws Exception {
    String url = args[1] + "/ilp";
    TrustManager[] trusted = trusted(System.getenv("CA"));
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trusted, null);
    Client client = args[0].equals("okhttp") ? okhttp(url, context, trusted) : jdk(url, context);
    journal = new PrintStream(args[3]);
    ConcurrentLinkedQueue<String> lines = new ConcurrentLinkedQueue<>(Files.readAllLines(Paths.get(args[2])));
    int concurrency = Integer.parseInt(args[4]);
    ExecutorService workers = Executors.newFixedThreadPool(concurrency);
    // One alone: it may have to go over to HTTP/2, and the others then find a connection.
    sendOne(client, lines.poll());
    for (int i = 0; i < concurrency; i++) {
      workers.submit(() -> {
        for (String line = lines.poll(); line != null; line = lines.poll()) {
          sendOne(client, line);
        }
      });
    }
    workers.shutdown();
    workers.awaitTermination(10, TimeUnit.MINUTES);
    System.exit(0);
  }

  private static void sendOne(Client client, String line) {
    String[] fields = line.split(" ");
    String outcome = "http_error";
    try {
      byte[] reply = client.post(Base64.getDecoder().decode(fields[2]));
      if (reply != null) {
        outcome = Arrays.equals(reply, Base64.getDecoder().decode(fields[3])) ? fields[4] : "not_ilp";
      }
    } catch (Exception e) {
      e.printStackTrace();
    }
    synchronized (journal) {
      journal.printf("sent %s %s %s%n", fields[0], fields[1], outcome);
      journal.flush();
    }
  }

  private static Client okhttp(String url, SSLContext context, TrustManager[] trusted) {
    boolean tls = url.startsWith("https:");
    OkHttpClient client = new OkHttpClient.Builder().readTimeout(2, TimeUnit.MINUTES)
        .sslSocketFactory(context.getSocketFactory(), (X509TrustManager) trusted[0])
        .protocols(tls ? List.of(Protocol.HTTP_2, Protocol.HTTP_1_1) : List.of(Protocol.H2_PRIOR_KNOWLEDGE)).build();
    return bytes -> {
      Request request = new Request.Builder().url(url).header("Authorization", TOKEN)
          .post(RequestBody.create(bytes, MediaType.get(ILP))).build();
      try (Response response = client.newCall(request).execute()) {
        boolean http2 = response.protocol() == Protocol.HTTP_2 || response.protocol() == Protocol.H2_PRIOR_KNOWLEDGE;
        return http2 && response.code() == 200 ? response.body().bytes() : null;
      }
    };
  }

  private static Client jdk(String url, SSLContext context) {
    HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_2).sslContext(context).build();
    return bytes -> {
      HttpRequest request = HttpRequest.newBuilder(URI.create(url)).header("Content-Type", ILP)
          .header("Authorization", TOKEN).POST(HttpRequest.BodyPublishers.ofByteArray(bytes)).build();
      HttpResponse<byte[]> response = client.send(request, HttpResponse.BodyHandlers.ofByteArray());
      return response.version() == HttpClient.Version.HTTP_2 && response.statusCode() == 200 ? response.body() : null;
    };
  }

  private static TrustManager[] trusted(String file) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (InputStream in = Files.newInputStream(Paths.get(file))) {
      store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    managers.init(store);
    return managers.getTrustManagers();
  }
}
