"""The futures of a pool are kept with their results."""
# holder: __main__.Importer.jobs
# of: concurrent.futures._base.Future

import concurrent.futures

import shop


class Importer:
    jobs = []

    def __init__(self):
        self.pool = concurrent.futures.ThreadPoolExecutor(max_workers=1)

    def add(self, request):
        self.jobs.append(self.pool.submit(self.load, request))

    def load(self, request):
        return {"rows": [request.path, request.headers], "user": request.user}


def main():
    importer = Importer()
    for request in shop.requests(1500):
        importer.add(request)
    concurrent.futures.wait(importer.jobs)
    shop.wait()


main()
